import { decodeTimedMessage } from "@canopy/media/timed";
import { createClock, loadTokenKeys, signToken, TokenVerifier } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { type StartOriginOptions, TestOrigin } from "../harness/origin.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WebhookReceiver } from "../harness/webhook-receiver.ts";

const PATH = "live/room/demo";
const open = closedAfterEach();

async function startOrigin(options: StartOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start(options);
  open.push(origin);
  return origin;
}

async function startBroadcast(origin: TestOrigin, key = PATH): Promise<void> {
  open.push(publishWithFfmpeg(makeClip({}), `${origin.rtmp}/${key}`));
  await waitFor("the broadcast", () => origin.node.store.get(PATH)?.track("video")?.latest);
}

async function post(url: string, body: unknown, token?: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
}

describe("the origin's API", () => {
  it("lists and describes broadcasts whose paths contain slashes", async () => {
    const origin = await startOrigin();
    expect(await (await fetch(`${origin.api}/v1/broadcasts`)).json()).toEqual({ broadcasts: [] });
    await startBroadcast(origin);
    const described = await waitFor("measured rates", async () => {
      const response = await fetch(`${origin.api}/v1/broadcasts/${PATH}`);
      const body = (await response.json()) as { bitrate: number };
      return body.bitrate > 0 ? body : undefined;
    });
    expect(described).toMatchObject({
      broadcast: PATH,
      publisher: { protocol: "rtmp", connected: true },
      bFrames: false,
      warnings: [],
    });
    expect((described as unknown as { tracks: unknown[] }).tracks).toEqual([
      expect.objectContaining({
        name: "video",
        kind: "video",
        codec: "avc1.42c01e",
        width: 640,
        height: 360,
      }),
      expect.objectContaining({
        name: "audio",
        kind: "audio",
        codec: "mp4a.40.2",
        sampleRate: 48_000,
        channels: 2,
      }),
      {
        name: "audio-opus",
        kind: "audio",
        codec: "opus",
        sampleRate: 48_000,
        channels: 2,
        bitrate: 0,
        bridgeOf: "audio",
        active: false,
      },
      { name: "catalog.json", kind: "data" },
      { name: "timed", kind: "data" },
    ]);
    const list = (await (await fetch(`${origin.api}/v1/broadcasts`)).json()) as {
      broadcasts: { broadcast: string }[];
    };
    expect(list.broadcasts.map((entry) => entry.broadcast)).toEqual([PATH]);
    const missing = await fetch(`${origin.api}/v1/broadcasts/live/none`);
    expect(missing.status).toBe(404);
    expect(missing.headers.get("content-type")).toContain("application/problem+json");
  });

  it("takes timed messages, and names the limit that one breaks", async () => {
    const origin = await startOrigin();
    await startBroadcast(origin);
    const url = `${origin.api}/v1/broadcasts/${PATH}/timed`;
    const before = Date.now() * 1_000;
    const accepted = await post(url, { type: "quiz", data: { q: 1 }, delayMs: 1_000 });
    expect(accepted.status).toBe(202);
    const { id, at } = (await accepted.json()) as { id: string; at: number };
    expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(at - before).toBeGreaterThan(990_000);
    expect(at).toBeLessThan(Date.now() * 1_000 + 2_000_000);
    const frame = origin.node.store.get(PATH)?.track("timed")?.latest?.frames[0];
    expect(decodeTimedMessage(frame?.wire.subarray(frame.payloadOffset) ?? new Uint8Array())).toEqual({
      v: 1,
      id,
      type: "quiz",
      at,
      data: { q: 1 },
    });
    const sent = Date.now() * 1_000;
    const passed = (await (await post(url, { type: "cue", data: null, at: 1 })).json()) as { at: number };
    expect(passed.at).toBeGreaterThan(sent - 1_000_000);
    expect(passed.at).toBeLessThan(Date.now() * 1_000 + 1_000_000);

    const problem = async (response: Response): Promise<[number, string]> => {
      const body = (await response.json()) as { status: number; detail?: string };
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      return [response.status, body.detail ?? ""];
    };
    const large = await problem(await post(url, { type: "quiz", data: "x".repeat(2_000) }));
    expect(large).toEqual([413, expect.stringContaining("1024 bytes")]);
    const huge = await problem(await post(url, { type: "quiz", data: "x".repeat(300_000) }));
    expect(huge).toEqual([413, expect.stringContaining("1024 bytes")]);
    expect((await problem(await post(url, { data: 1 })))[0]).toBe(400);
    expect((await problem(await post(url, { type: "a", data: 1, at: 1, delayMs: 1 })))[0]).toBe(400);
    expect(
      (await problem(await post(`${origin.api}/v1/broadcasts/live/none/timed`, { type: "a", data: 1 })))[0],
    ).toBe(404);
    expect(
      (await problem(await post(`${origin.api}/v1/broadcasts/${PATH}/other`, { type: "a", data: 1 })))[0],
    ).toBe(404);
    const startedMs = performance.now();
    const many = await Promise.all(Array.from({ length: 200 }, () => post(url, { type: "a", data: 1 })));
    const seconds = Math.floor((performance.now() - startedMs) / 1_000);
    const refused = many.filter((response) => response.status === 429);
    const taken = many.filter((response) => response.status === 202).length;
    expect(taken + refused.length).toBe(200);
    expect(taken).toBeGreaterThanOrEqual(25);
    expect(taken).toBeLessThanOrEqual(30 * (seconds + 1));
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    expect((await problem(refused[0] as Response))[1]).toContain("30 timed messages per second");
    expect(origin.metrics.value("canopy_timed_messages_total", "accepted")).toBe(2 + taken);
    await waitFor(
      "the messages in frames",
      () => origin.metrics.value("canopy_timed_messages_total", "embedded") >= 3 * (2 + taken),
    );
  });

  it("ends a broadcast and its publisher on request", async () => {
    const origin = await startOrigin();
    await startBroadcast(origin);
    expect(origin.metrics.value("canopy_sessions", "rtmp")).toBe(1);
    const response = await fetch(`${origin.api}/v1/broadcasts/${PATH}`, { method: "DELETE" });
    expect(response.status).toBe(204);
    await waitFor("the publisher to be gone", () => origin.metrics.value("canopy_sessions", "rtmp") === 0);
    expect((await fetch(`${origin.api}/v1/broadcasts/${PATH}`, { method: "DELETE" })).status).toBe(404);
    expect(origin.node.store.get(PATH)).toBeUndefined();
  });

  it("describes itself", async () => {
    const origin = await startOrigin();
    const description = (await (await fetch(`${origin.api}/v1/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    expect(description.openapi).toBe("3.1.0");
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        "get /v1/broadcasts",
        "get /v1/broadcasts/{broadcast}",
        "delete /v1/broadcasts/{broadcast}",
        "post /v1/broadcasts/{broadcast}/timed",
      ]),
    );
  });

  it("lets only tokens with the right prefixes publish, send and end", async () => {
    const jwk = JSON.stringify({ kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") });
    const keys = await loadTokenKeys(jwk);
    const verifier = new TokenVerifier({ keys }, { clock: createClock() });
    const [key] = keys;
    if (key === undefined) throw new Error("no key");
    const token = (put: string): Promise<string> =>
      signToken(
        { root: "live", put: [put], get: [], issuedAtSeconds: 1_700_000_000, expiresAtSeconds: undefined },
        key,
      );
    const good = await token("room");
    const other = await token("elsewhere");
    const origin = await startOrigin({ verifier });

    const refused = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/${PATH}?jwt=${other}`);
    expect(await refused.exited).not.toBe(0);
    expect(refused.output()).toContain("does not allow to publish");
    expect(origin.metrics.value("canopy_sessions_rejected_total", "forbidden")).toBe(1);
    await startBroadcast(origin, `${PATH}?jwt=${good}`);
    const url = `${origin.api}/v1/broadcasts/${PATH}/timed`;
    expect((await post(url, { type: "a", data: 1 })).status).toBe(403);
    expect((await post(url, { type: "a", data: 1 }, other)).status).toBe(403);
    expect((await post(url, { type: "a", data: 1 }, good)).status).toBe(202);
    expect((await fetch(`${origin.api}/v1/broadcasts/${PATH}`, { method: "DELETE" })).status).toBe(403);
  });

  it("tells webhooks of broadcasts and sessions", async () => {
    const receiver = await WebhookReceiver.start();
    open.push(receiver);
    const origin = await startOrigin({
      webhooks: receiver.options,
      ingest: { lingerMs: 500 },
    });
    const publisher = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/${PATH}`);
    open.push(publisher);
    await waitFor("the broadcast", () => origin.node.store.get(PATH)?.track("video")?.latest);
    await publisher.stop();
    const received = receiver.events;
    await waitFor("four events", () => received.length === 4);
    expect(received.map((event) => event.type)).toEqual([
      "broadcast.started",
      "session.opened",
      "session.closed",
      "broadcast.ended",
    ]);
    expect(received[3]?.data).toEqual({ broadcast: PATH, protocol: "rtmp", reason: "lost" });
    expect(received[1]?.data).toMatchObject({ transport: "rtmp", path: PATH });
  });
});
