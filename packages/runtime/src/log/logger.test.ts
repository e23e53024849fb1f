import { describe, expect, it } from "vitest";
import { createLogger, createSilentLogger, type LogLevel } from "./logger.ts";

function logTo(lines: string[], options: { level: LogLevel; pretty: boolean }) {
  return createLogger({ ...options, component: "edge" }, { write: (line) => lines.push(line) });
}

describe("createLogger", () => {
  it("writes one JSON object per line, with nested component names", () => {
    const lines: string[] = [];
    logTo(lines, { level: "info", pretty: false }).child("http").warn({ status: 500 }, "a request failed");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "warn",
      component: "edge.http",
      status: 500,
      msg: "a request failed",
    });
  });

  it("leaves out what is below the level", () => {
    const lines: string[] = [];
    const logger = logTo(lines, { level: "warn", pretty: false });
    logger.info({}, "started");
    logger.debug({}, "packet");
    expect(lines).toEqual([]);
  });

  it("writes readable lines, with errors by their message", () => {
    const lines: string[] = [];
    const logger = logTo(lines, { level: "info", pretty: true });
    logger.error({ err: new Error("boom"), path: "live/a b", n: 1 }, "it failed");
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} error edge it failed err="Error: boom" path="live\/a b" n=1\n$/,
    );
  });
});

describe("createSilentLogger", () => {
  it("swallows everything", () => {
    const logger = createSilentLogger();
    logger.child("x").error({}, "nothing");
  });
});
