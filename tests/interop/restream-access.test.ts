import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, loadTokenKeys, signToken, TokenVerifier } from "@canopy/runtime";
import { beforeAll, describe, expect, it } from "vitest";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { TestOrigin } from "../harness/origin.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Event {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

async function call(
  origin: TestOrigin,
  method: string,
  path: string,
  options: { readonly token?: string; readonly body?: unknown } = {},
): Promise<Response> {
  return fetch(`${origin.api}${path}`, {
    method,
    headers: {
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
}

async function listen(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
}) {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Enough to fill the kernel's buffers within seconds. */
const largeClip = () => makeClip({ size: "1280x720", bitrateKbps: 24_000, seconds: 10 });

// Making them stops this process, which all the origins are in.
beforeAll(() => {
  makeClip({});
  largeClip();
});

// Each at an origin of its own, and most of it waiting: beside each other.

describe.concurrent("restreams and recordings with tokens", () => {
  it("belong to who may publish; recordings are seen by who may watch", async () => {
    const folder = mkdtempSync(join(tmpdir(), "canopy-access-"));
    const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
    const keys = await loadTokenKeys(JSON.stringify(jwk));
    const [key] = keys;
    if (key === undefined) throw new Error("one key was given");
    const verifier = new TokenVerifier({ keys }, { clock: createClock() });
    const sign = (put: string[], get: string[]) =>
      signToken({ root: "live", put, get, issuedAtSeconds: 1_700_000_000, expiresAtSeconds: undefined }, key);
    const host = await sign(["a"], ["a"]);
    const viewer = await sign([], ["a"]);
    const other = await sign(["b"], ["b"]);
    try {
      await using origin = await TestOrigin.start({
        verifier,
        allowAnonymous: false,
        recordings: { folder, segmentMs: 1_000 },
      });
      const restream = { broadcast: "live/a", target: "rtmp://127.0.0.1:1/live/x" };
      const recording = { broadcast: "live/a" };
      for (const token of [viewer, other]) {
        expect((await call(origin, "POST", "/v1/restreams", { token, body: restream })).status).toBe(403);
        expect((await call(origin, "POST", "/v1/recordings", { token, body: recording })).status).toBe(403);
      }
      expect((await call(origin, "POST", "/v1/restreams", { body: restream })).status).toBe(401);
      const made = await call(origin, "POST", "/v1/restreams", { token: host, body: restream });
      const { id: restreamId } = (await made.json()) as { id: string };
      const started = await call(origin, "POST", "/v1/recordings", { token: host, body: recording });
      const { id } = (await started.json()) as { id: string };

      const seen = async (path: string, token: string) =>
        Object.values(
          (await (await call(origin, "GET", path, { token })).json()) as Record<string, unknown[]>,
        )[0]?.length;
      expect(await seen("/v1/restreams", host)).toBe(1);
      expect(await seen("/v1/restreams", viewer)).toBe(0);
      expect(await seen("/v1/recordings", viewer)).toBe(1);
      expect(await seen("/v1/recordings", other)).toBe(0);
      expect((await call(origin, "DELETE", `/v1/restreams/${restreamId}`, { token: viewer })).status).toBe(
        403,
      );
      expect((await call(origin, "DELETE", `/v1/recordings/${id}`, { token: viewer })).status).toBe(403);
      expect((await call(origin, "GET", `/recordings/${id}/index.m3u8`, { token: other })).status).toBe(403);

      await using _ = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/live/a?jwt=${host}`);
      const playlist = await waitFor("a playlist", async () => {
        const response = await fetch(`${origin.api}/recordings/${id}/video.m3u8?jwt=${viewer}`);
        return response.ok && response.text();
      });
      // What the playlist names carries the token, so that a player gets it.
      const segment = playlist.split("\n").find((line) => line.includes(".m4s")) ?? "";
      expect(segment).toContain(`?jwt=${viewer}`);
      expect((await fetch(`${origin.api}/recordings/${id}/${segment}`)).status).toBe(200);
      expect((await fetch(`${origin.api}/recordings/${id}/${segment.split("?")[0]}`)).status).toBe(401);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe.concurrent("webhooks of restreams and recordings", () => {
  it("tell of a failed restream once, and of a recording that is ready", async () => {
    const folder = mkdtempSync(join(tmpdir(), "canopy-hooks-"));
    const events: Event[] = [];
    const receiver = createServer((request: IncomingMessage, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += String(chunk);
      });
      request.on("end", () => {
        events.push(JSON.parse(body) as Event);
        response.end();
      });
    });
    const port = await listen(receiver);
    try {
      const webhooks = { urls: [`http://127.0.0.1:${port}/`], secret: "s3cret" };
      await using origin = await TestOrigin.start({ webhooks, recordings: { folder, segmentMs: 1_000 } });
      const target = "rtmp://127.0.0.1:1/live/a-long-and-secret-key";
      await call(origin, "POST", "/v1/restreams", { body: { broadcast: "live/a", target } });
      const made = await call(origin, "POST", "/v1/recordings", { body: { broadcast: "live/a" } });
      const { id } = (await made.json()) as { id: string };
      await using _ = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/live/a`);
      await waitFor("the restream's failure", () => events.some(({ type }) => type === "restream.failed"));
      await waitFor("some of a recording", async () => {
        const answer = await (await fetch(`${origin.api}/v1/recordings/${id}`)).json();
        return (answer as { durationSeconds: number }).durationSeconds > 2;
      });
      await call(origin, "DELETE", `/v1/recordings/${id}`);
      const ready = await waitFor("the recording", () =>
        events.find(({ type }) => type === "recording.ready"),
      );
      expect(ready.data).toMatchObject({
        recording: id,
        broadcast: "live/a",
        video: `/recordings/${id}/video.mp4`,
      });
      const failed = events.filter(({ type }) => type === "restream.failed");
      expect(failed).toHaveLength(1);
      expect(failed[0]?.data).toMatchObject({ broadcast: "live/a", code: "target-unreachable" });
      expect(JSON.stringify(events)).not.toContain("a-long-and-secret");
    } finally {
      receiver.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe.concurrent("a restream to a target that stops reading", () => {
  it("drops frames instead of keeping them, and leaves the target", async () => {
    await using target = await TestOrigin.start();
    await using origin = await TestOrigin.start();
    const sockets = new Set<Socket>();
    let isStopped = false;
    const proxy = createTcpServer((client) => {
      const server = connect(Number(new URL(target.rtmp).port), "127.0.0.1");
      for (const socket of [client, server]) {
        sockets.add(socket);
        socket.on("error", () => {});
      }
      server.pipe(client);
      client.on("data", (bytes) => {
        server.write(bytes);
        if (isStopped) client.pause();
      });
    });
    const port = await listen(proxy);
    try {
      const body = { broadcast: "live/a", target: `rtmp://127.0.0.1:${port}/live/copy` };
      const made = await call(origin, "POST", "/v1/restreams", { body });
      const { id } = (await made.json()) as { id: string };
      const look = async () =>
        (await (await fetch(`${origin.api}/v1/restreams/${id}`)).json()) as {
          state: string;
          droppedFrames: number;
          error?: { code: string };
        };
      await using _ = publishWithFfmpeg(largeClip(), `${origin.rtmp}/live/a`);
      await waitFor("the copy", () => target.node.registry.get("live/copy") !== undefined);
      isStopped = true;
      const left = await waitFor(
        "the target to be left",
        async () => {
          const restream = await look();
          return restream.error?.code === "target-stalled" && restream;
        },
        60_000,
      );
      expect(left.droppedFrames).toBeGreaterThan(100);
    } finally {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  });
});
