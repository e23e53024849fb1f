import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { S3Storage } from "./s3-storage.ts";

let server: Server;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new DOMException("late", "TimeoutError")), ms);
    return controller.signal;
  });
  server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function open(): S3Storage {
  const { port } = server.address() as AddressInfo;
  const keys = { accessKey: "key", secretKey: "secret" };
  return new S3Storage({
    endpoint: `http://127.0.0.1:${port}`,
    bucket: "b",
    prefix: "",
    region: "eu",
    ...keys,
  });
}

/** The next request, which waits for its answer. */
function request(): Promise<ServerResponse> {
  return new Promise((resolve) => {
    answer = resolve;
  });
}

/** More than a request may take, less than the silence after which `fetch` gives a body up. */
const LONG_MS = 240_000;

describe("S3Storage", () => {
  it("gives a file to a reader who takes longer than a request may", async () => {
    const asked = request();
    void asked.then((response) => response.write("first, "));
    const stored = await open().read("id", "video.mp4", { method: "GET", range: undefined });
    vi.advanceTimersByTime(LONG_MS);
    (await asked).end("then");
    expect(stored?.body && (await text(stored.body))).toBe("first, then");
  });

  it("does not wait for ever for an answer", async () => {
    const asked = request();
    const stored = open().read("id", "video.mp4", { method: "GET", range: undefined });
    const refused = expect(stored).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining("TimeoutError"),
    });
    await asked;
    vi.advanceTimersByTime(LONG_MS);
    await refused;
  });
});
