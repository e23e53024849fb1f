import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";
import { redactSecrets } from "./redact-secrets.ts";

const TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb290IjoibGl2ZSJ9.c2lnbmF0dXJl";

describe("redactSecrets", () => {
  it.each([
    [`https://edge:4443/live?jwt=${TOKEN}&x=1`, "https://edge:4443/live?jwt=[token]&x=1"],
    ["/announced?jwt=opaque", "/announced?jwt=[token]"],
    [`the token ${TOKEN} was refused`, "the token [token] was refused"],
    ["authorization: Bearer abc.def", "authorization: Bearer [token]"],
    ["connect to rediss://user:pa55@redis:6380/0 failed", "connect to rediss://[secret]@redis:6380/0 failed"],
    ["redis://:pa55@redis:6380", "redis://[secret]@redis:6380"],
    ["push to rtmp://live.example.com/app/key-1234", "push to rtmp://live.example.com/app/[key]"],
    ["rtmp://127.0.0.1:1935/live/demo?jwt=x.y.z", "rtmp://127.0.0.1:1935/live/[key]"],
    ["mail@example.com https://edge:4443/a/b", "mail@example.com https://edge:4443/a/b"],
    ['{"port":4440,"msg":"the origin listens"}', '{"port":4440,"msg":"the origin listens"}'],
  ])("of %s leaves %s", (text, redacted) => {
    expect(redactSecrets(text)).toBe(redacted);
  });

  it.each([true, false])("is what every logger does with its lines (pretty: %s)", (pretty) => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", pretty }, { write: (line) => lines.push(line) });
    const err = new Error(`GET https://n/x?jwt=${TOKEN} failed`, {
      cause: new Error("redis://:hunter2@h:1 is away"),
    });
    logger.child("http").error({ err, url: `/live?jwt=${TOKEN}` }, "a request failed");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/eyJ|hunter2/);
  });
});
