import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  DEFAULT_WEBHOOK_OPTIONS,
  signWebhook,
  type WebhookOptions,
  WebhookSender,
} from "./webhook-sender.ts";

interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const open: { close(): void }[] = [];

afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

async function startReceiver(
  status: (count: number) => number,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.statusCode = status(received.length);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push({ close: () => server.close() });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=secret`, received };
}

function createSender(options: Partial<WebhookOptions>): WebhookSender {
  let ids = 0;
  const sender = new WebhookSender(
    { ...DEFAULT_WEBHOOK_OPTIONS, secret: "s3cret", ...options },
    { clock: createClock(), logger: createSilentLogger(), createId: () => `event-${ids++}`, random: () => 0 },
  );
  open.push(sender);
  return sender;
}

describe("WebhookSender", () => {
  it("delivers events in order, signed over time and body", async () => {
    const { url, received } = await startReceiver(() => 204);
    const sender = createSender({ urls: [url] });
    sender.send("broadcast.started", { broadcast: "live/demo" });
    sender.send("broadcast.ended", { broadcast: "live/demo", reason: "lost" });
    await vi.waitFor(() => expect(received).toHaveLength(2));
    expect(received.map(({ body }) => JSON.parse(body).type)).toEqual([
      "broadcast.started",
      "broadcast.ended",
    ]);
    for (const { headers, body } of received) {
      const signature = String(headers["canopy-signature"]);
      const unixSeconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
      expect(signature).toBe(signWebhook("s3cret", unixSeconds, body));
      expect(Math.abs(unixSeconds - Date.now() / 1_000)).toBeLessThan(5);
    }
  });

  it("repeats an event that was not taken, with the same id", async () => {
    const { url, received } = await startReceiver((count) => (count < 3 ? 500 : 200));
    createSender({ urls: [url] }).send("session.opened", {});
    await vi.waitFor(() => expect(received).toHaveLength(3), { timeout: 5_000 });
    expect(new Set(received.map(({ body }) => JSON.parse(body).id)).size).toBe(1);
  });

  it("gives up after its attempts, and drops the oldest events of a full queue", async () => {
    const { url, received } = await startReceiver(() => 500);
    const sender = createSender({ urls: [url], maxAttempts: 1, maxQueued: 2 });
    for (let index = 0; index < 5; index++) sender.send("session.opened", { index });
    await vi.waitFor(() => expect(sender.lost).toBe(5));
    expect(received.map(({ body }) => JSON.parse(body).data.index)).toEqual([0, 3, 4]);
  });

  it("stops at once when it is closed", async () => {
    const sender = createSender({ urls: ["http://127.0.0.1:9/nobody"] });
    sender.send("session.opened", {});
    sender.close();
    sender.send("session.closed", {});
    await vi.waitFor(() => expect(sender.lost).toBe(1));
  });
});
