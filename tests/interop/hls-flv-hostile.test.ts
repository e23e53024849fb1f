import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, loadTokenKeys, signToken, TokenVerifier } from "@canopy/runtime";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { PackagingEdge } from "../harness/packaging-edge.ts";
import { SyntheticBroadcast, type SyntheticOptions } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/demo";

/** Edges and broadcasts of the tests of one `describe`, which end with their test. */
function useEdges() {
  const open = closedAfterEach();
  return {
    open,
    startEdge: async (options: Parameters<typeof PackagingEdge.start>[0] = {}): Promise<PackagingEdge> => {
      const edge = await PackagingEdge.start(options);
      open.push(edge);
      return edge;
    },
    publish: (edge: PackagingEdge, options: Partial<SyntheticOptions> = {}): SyntheticBroadcast => {
      const broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH, ...options });
      open.push(broadcast);
      return broadcast.run();
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The playlist of the pictures, once it is there. */
async function playlist(edge: PackagingEdge, query = ""): Promise<string> {
  const response = await fetch(edge.hls(PATH, `~/video/index.m3u8${query}`));
  expect(response.status).toBe(200);
  return response.text();
}

const field = (text: string, pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";

/** Opens a connection, asks for a path and does not read. */
async function openDeafReader(edge: PackagingEdge, path: string): Promise<Socket> {
  const socket = connect({ port: edge.node.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  return socket;
}

// Each `describe` runs beside the others, at edges of its own: most of it is waiting for media.

describe.concurrent("HLS under bad input", () => {
  const { startEdge, publish } = useEdges();

  it.sequential("answers paths, numbers and ranges that cannot be with errors of their own, and goes on", async () => {
    const edge = await startEdge();
    publish(edge);
    const text = await playlist(edge);
    const segment = field(text, /\n([0-9a-f]{10}-\d+\.m4s)\n/);
    const init = field(text, /EXT-X-MAP:URI="([^"]+)"/);
    const sequence = Number(field(text, /MEDIA-SEQUENCE:(\d+)/));
    const windowId = segment.slice(0, 10);
    const statusOf = async (rest: string, headers: Record<string, string> = {}): Promise<number> => {
      const response = await fetch(edge.hls(PATH, rest), { headers });
      const body = await response.arrayBuffer();
      if (response.status >= 400) {
        expect(response.headers.get("content-type")).toContain("application/problem+json");
        expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ status: response.status });
      }
      return response.status;
    };
    const expected: readonly (readonly [string, number])[] = [
      [`~/video/${segment}`, 200],
      [`~/video/${init}`, 200],
      ["~/nothing/index.m3u8", 404],
      ["~/video/../../../../etc/passwd", 404],
      ["~/video/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404],
      ["~/video/..%5c..%5cwindows", 404],
      [`~/video/${windowId}-0.m4s`, 404],
      [`~/video/${windowId}-999999999999.m4s`, 404],
      [`~/video/${windowId}-${sequence}.999999.m4s`, 404],
      [`~/video/ffffffffff-${sequence}.m4s`, 404],
      [`~/video/${windowId}-init-999999999.mp4`, 404],
      ["~/video/index.m3u8?_HLS_msn=99999999999", 400],
      ["~/video/index.m3u8?_HLS_msn=-5", 400],
      ["~/video/index.m3u8?_HLS_part=3", 400],
      [`~/video/index.m3u8?_HLS_msn=${sequence}&_HLS_part=99999999999999999999`, 400],
      [`~/video/index.m3u8?_HLS_msn=${sequence + 1_000}`, 400],
      [`~/video/index.m3u8?_HLS_msn=${sequence}&_HLS_msn=${sequence}`, 400],
    ];
    for (const [rest, status] of expected) expect([rest, await statusOf(rest)]).toEqual([rest, status]);
    expect((await fetch(edge.hls("live/nobody"))).status).toBe(404);
    expect((await fetch(`${edge.origin}/hls/%00`)).status).toBe(404);
    const ranges: readonly (readonly [string, number])[] = [
      ["bytes=0-9", 206],
      ["bytes=999999999999999999-", 416],
      ["bytes=5-1", 200],
      ["bytes=0-0,2-2", 200],
    ];
    // Segments leave the window in time, also while a busy machine answers what was asked above.
    const newest = async (): Promise<string> => field(await playlist(edge), /.*\n([0-9a-f]{10}-\d+\.m4s)\n/s);
    for (const [range, status] of ranges)
      expect([range, await statusOf(`~/video/${await newest()}`, { range })]).toEqual([range, status]);
    const part = await fetch(edge.hls(PATH, `~/video/${await newest()}`), {
      headers: { range: "bytes=4-7" },
    });
    expect(await part.text()).toMatch(/^(moof|emsg)$/);
    expect(part.headers.get("content-range")).toMatch(/^bytes 4-7\/\d+$/);
    expect(await playlist(edge)).toContain("#EXTM3U");
  });

  it.sequential("answers HEAD as GET without the body, with headers that a CDN understands", async () => {
    const edge = await startEdge();
    publish(edge);
    const text = await playlist(edge);
    const segment = field(text, /\n([0-9a-f]{10}-\d+\.m4s)\n/);
    const head = await fetch(edge.hls(PATH, `~/video/${segment}`), { method: "HEAD" });
    const get = await fetch(edge.hls(PATH, `~/video/${segment}`));
    const { byteLength } = await get.arrayBuffer();
    expect(head.headers.get("content-length")).toBe(String(byteLength));
    expect(head.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(get.headers.get("access-control-allow-origin")).toBe("*");
    const media = await fetch(edge.hls(PATH, "~/video/index.m3u8"), { method: "HEAD" });
    expect(media.headers.get("cache-control")).toBe("public, max-age=1");
    const master = await fetch(edge.hls(PATH));
    expect(master.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
    expect(master.headers.get("cache-control")).toBe("no-cache");
  });

  it.sequential("holds a playlist and a hinted part back until they are there", async () => {
    const edge = await startEdge();
    publish(edge);
    const text = await playlist(edge);
    const hint = field(text, /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/);
    const [, sequence, part] = /-(\d+)\.(\d+)\.m4s$/.exec(hint) ?? [];
    const [blocked, bytes] = await Promise.all([
      playlist(edge, `?_HLS_msn=${sequence}&_HLS_part=${part}`),
      fetch(edge.hls(PATH, `~/video/${hint}`)).then(async (response) => [
        response.status,
        (await response.arrayBuffer()).byteLength,
      ]),
    ]);
    expect(blocked).toContain(`URI="${hint}"`);
    expect(blocked).not.toContain(`PRELOAD-HINT:TYPE=PART,URI="${hint}"`);
    expect(bytes[0]).toBe(200);
    expect(bytes[1]).toBeGreaterThan(1_000);
  });

  it.sequential("forgets waits of those who left", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge);
    const text = await playlist(edge);
    const sequence = Number(field(text, /MEDIA-SEQUENCE:(\d+)/));
    // Nothing that is waited for comes, however long it takes until all wait.
    broadcast.fallSilent();
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () =>
        openDeafReader(edge, `/hls/${PATH}/~/video/index.m3u8?_HLS_msn=${sequence + 2}`),
      ),
    );
    await waitFor(
      "all of them to wait",
      () => edge.metrics.value("canopy_hls_waiting_requests") === sockets.length,
    );
    for (const socket of sockets) socket.destroy();
    await waitFor("the waits to end", () => edge.metrics.value("canopy_hls_waiting_requests") === 0);
  });

  it.sequential("closes connections of those who ask for segments and do not read them", async () => {
    const edge = await startEdge({ hls: { stalledMs: 1_500 } });
    publish(edge, { pictureBytes: 60_000, keyframeBytes: 200_000 });
    const text = await playlist(edge);
    const segment = field(text, /\n([0-9a-f]{10}-\d+\.m4s)\n/);
    const request = `GET /hls/${PATH}/~/video/${segment} HTTP/1.1\r\nhost: x\r\n\r\n`;
    const accepted = new Promise<Socket>((resolve) =>
      edge.node.server.http.server.once("connection", resolve),
    );
    const deaf = await openDeafReader(edge, `/hls/${PATH}/~/video/${segment}`);
    const connection = await accepted;
    // More than the buffers of both sockets hold.
    deaf.write(request.repeat(20));
    await waitFor("bytes that nobody takes", () => connection.writableLength > 0);
    await waitFor("the connection to be closed", () => connection.destroyed, 15_000);
    deaf.destroy();
    expect(await playlist(edge)).toContain("#EXTM3U");
  });

  it.sequential("marks a discontinuity when a publisher comes back, and never ends the list", async () => {
    const edge = await startEdge();
    const first = publish(edge);
    await playlist(edge);
    first.end();
    await pause(2_500);
    publish(edge);
    const text = await waitFor("the second publisher", async () => {
      const now = await playlist(edge);
      return now.includes("\n#EXT-X-DISCONTINUITY\n") ? now : undefined;
    });
    expect(text).not.toContain("ENDLIST");
    expect(text.match(/EXT-X-DISCONTINUITY-SEQUENCE:0/)).not.toBeNull();
  });
});

describe.concurrent("HLS of large pictures", () => {
  const { startEdge, publish } = useEdges();

  it.sequential("keeps memory bounded however large the pictures are", async () => {
    const maxBytes = 4 * 1024 * 1024;
    const edge = await startEdge({ hls: { maxBytes, maxRenditionBytes: maxBytes } });
    publish(edge, { pictureBytes: 60_000, keyframeBytes: 200_000, framesPerGroup: 30 });
    await playlist(edge);
    // Two megabytes a second: twice as much as may be held at the end.
    for (let second = 0; second < 8; second += 1) {
      await pause(1_000);
      await playlist(edge);
      // Never below the four segments that players need, and one for what is on the way.
      expect(edge.metrics.value("canopy_hls_segment_bytes")).toBeLessThan(5 * 2_100_000);
    }
  });
});

describe.concurrent("HLS and FLV with tokens", () => {
  const { startEdge, publish } = useEdges();

  it.sequential("lets in who may watch, carries the token on, and keeps what it sent out of shared caches", async () => {
    const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
    const keys = await loadTokenKeys(JSON.stringify(jwk));
    const [key] = keys;
    if (key === undefined) throw new Error("one key was given");
    const edge = await startEdge({ verifier: new TokenVerifier({ keys }, { clock: createClock() }) });
    publish(edge);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const sign = (get: string): Promise<string> =>
      signToken(
        { root: "", put: [], get: [get], issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 60 },
        key,
      );
    const token = await sign("live");
    const stranger = await sign("other");
    for (const url of [edge.hls(PATH), `${edge.origin}/flv/${PATH}.flv`]) {
      expect((await fetch(url)).status).toBe(401);
      expect((await fetch(`${url}?jwt=${stranger}`)).status).toBe(403);
      expect((await fetch(`${url}?jwt=rubbish`)).status).toBe(401);
    }
    const master = await (await fetch(`${edge.hls(PATH)}?jwt=${token}`)).text();
    const uri = field(master, /\n(~\/video[^\n]+)/);
    expect(uri).toContain(`jwt=${token}`);
    const media = await fetch(edge.hls(PATH, uri));
    expect(media.headers.get("cache-control")).toBe("private, max-age=1");
    const text = await media.text();
    const uris = [...text.matchAll(/URI="([^"]+)"/g), ...text.matchAll(/\n([^#\n]+m4s[^\n]*)/g)].map(
      ([, found]) => found ?? "",
    );
    expect(uris.length).toBeGreaterThan(3);
    for (const one of uris) expect(one).toContain(`jwt=${token}`);
    expect((await fetch(edge.hls(PATH, `~/video/${uris[0]?.split("?")[0]}`))).status).toBe(401);
    const bearer = { authorization: `Bearer ${token}` };
    const byHeader = await (await fetch(edge.hls(PATH), { headers: bearer })).text();
    expect(byHeader).not.toContain("jwt=");
    expect(edge.metrics.value("canopy_sessions", "hls")).toBe(1);
  });
});

describe.concurrent("HTTP-FLV under bad input", () => {
  const { startEdge, publish } = useEdges();

  it.sequential("skips slow readers to a keyframe and closes those who never read, beside one who gets it all", async () => {
    const pictureBytes = 80_000;
    const edge = await startEdge({ flv: { maxBufferedBytes: 1_000_000 } });
    const broadcast = publish(edge, { pictureBytes, keyframeBytes: 200_000 });
    const deaf = await Promise.all(Array.from({ length: 5 }, () => openDeafReader(edge, `/flv/${PATH}.flv`)));
    const controller = new AbortController();
    const reading = await fetch(`${edge.origin}/flv/${PATH}.flv`, { signal: controller.signal });
    let bytes = 0;
    const reader = (async () => {
      for await (const chunk of reading.body ?? []) bytes += (chunk as Uint8Array).byteLength;
    })().catch(() => {});
    await waitFor(
      "the slow ones to be skipped",
      () => edge.metrics.value("canopy_slow_viewers_total", "skipped") >= 5,
    );
    const start = { bytes, pictures: broadcast.pictures };
    await waitFor(
      "the slow ones to be closed",
      () => edge.metrics.value("canopy_slow_viewers_total", "closed") >= 5,
      60_000,
    );
    // What a busy machine makes late is written in a burst, of which the reader may have to leave out the end.
    const written = (broadcast.pictures - start.pictures) * pictureBytes;
    expect(bytes - start.bytes).toBeGreaterThan(written * 0.8);
    expect(edge.metrics.value("canopy_sessions", "flv")).toBe(1);
    controller.abort();
    await reader;
    for (const socket of deaf) socket.destroy();
    await waitFor("the last session to end", () => edge.metrics.value("canopy_sessions", "flv") === 0);
  });

  it.sequential("answers what it does not have, and refuses viewers over the limit", async () => {
    const edge = await startEdge({ maxSessions: 2 });
    publish(edge);
    const statusOf = async (path: string): Promise<number> => (await fetch(`${edge.origin}${path}`)).status;
    expect(await statusOf("/flv/live/nobody.flv")).toBe(404);
    expect(await statusOf("/flv/live/demo")).toBe(404);
    expect(await statusOf("/flv/..%2f..%2fetc%2fpasswd.flv")).toBe(404);
    const head = await fetch(`${edge.origin}/flv/${PATH}.flv`, { method: "HEAD" });
    expect(head.headers.get("content-type")).toBe("video/x-flv");
    const controllers = [new AbortController(), new AbortController()];
    for (const { signal } of controllers)
      expect((await fetch(`${edge.origin}/flv/${PATH}.flv`, { signal })).status).toBe(200);
    expect(await statusOf(`/flv/${PATH}.flv`)).toBe(503);
    expect(await statusOf(`/hls/${PATH}/~/video/index.m3u8`)).toBe(503);
    for (const controller of controllers) controller.abort();
  });
});

describe.concurrent("HLS and FLV over HTTP/2", () => {
  const { open, startEdge, publish } = useEdges();

  it.sequential("go over one connection, and end with their streams", async () => {
    const folder = mkdtempSync(join(tmpdir(), "canopy-http2-"));
    open.push({ [Symbol.dispose]: () => rmSync(folder, { recursive: true }) });
    const tls = { certPath: join(folder, "cert.pem"), keyPath: join(folder, "key.pem") };
    const { certPem, keyPem } = await createDevelopmentCertificate(["127.0.0.1"]);
    writeFileSync(tls.certPath, certPem);
    writeFileSync(tls.keyPath, keyPem);
    const edge = await startEdge({ tls });
    publish(edge, { pictureBytes: 40_000, keyframeBytes: 100_000 });
    const session = connectHttp2(`https://127.0.0.1:${edge.node.port}`, { rejectUnauthorized: false });
    session.on("error", () => {});
    const ask = (path: string): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":path": path });
        let status = 0;
        let text = "";
        stream.on("response", (headers) => {
          status = Number(headers[":status"]);
        });
        stream.on("data", (chunk) => {
          text += String(chunk);
        });
        stream.on("end", () => resolve({ status, text }));
        stream.on("error", reject);
        stream.end();
      });
    const { status, text } = await ask(`/hls/${PATH}/~/video/index.m3u8`);
    expect([status, text.slice(0, 7)]).toEqual([200, "#EXTM3U"]);
    const hint = field(text, /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/);
    expect((await ask(`/hls/${PATH}/~/video/${hint}`)).status).toBe(200);
    const flv = session.request({ ":path": `/flv/${PATH}.flv` });
    let bytes = 0;
    let magic = "";
    flv.on("data", (chunk: Buffer) => {
      if (bytes === 0) magic = chunk.subarray(0, 3).toString();
      bytes += chunk.byteLength;
    });
    await waitFor("FLV", () => bytes > 100_000);
    expect(magic).toBe("FLV");
    expect(edge.metrics.value("canopy_sessions", "flv")).toBe(1);
    // More than the window of a stream: bytes wait in it when it is closed without an error.
    flv.pause();
    await waitFor(
      "bytes that nobody takes",
      () => (edge.metrics.value("canopy_sent_bytes_total", "flv") ?? 0) > bytes + 200_000,
    );
    flv.close();
    await waitFor("the session to end", () => edge.metrics.value("canopy_sessions", "flv") === 0);
    session.close();
  });
});

// After all others: it keeps this process from doing anything else.
describe("HLS under a rush", () => {
  const { startEdge, publish } = useEdges();

  it("bounds 10,000 playlists that are waited for, tells the rest, and disturbs nobody", async () => {
    const maxWaits = 2_000;
    const edge = await startEdge({ hls: { maxWaits } });
    publish(edge);
    const text = await playlist(edge);
    const sequence = Number(field(text, /MEDIA-SEQUENCE:(\d+)/));
    const { app } = edge.node.server.http;
    const url = `/hls/${PATH}/~/video/index.m3u8?_HLS_msn=${sequence + 2}`;
    const before = process.memoryUsage().rss;
    const counts = { answered: 0, refused: 0, late: 0 };
    const others: string[] = [];
    await Promise.all(
      Array.from({ length: 10_000 }, async () => {
        const { statusCode, body } = await app.inject({ method: "GET", url });
        if (statusCode === 200) counts.answered += 1;
        else if (statusCode === 503 && body.includes("Too many requests wait")) counts.refused += 1;
        // On a machine that stands still for as long as a request may wait.
        else if (statusCode === 503 && body.includes("has not grown in time")) counts.late += 1;
        else others.push(`${statusCode} ${body}`);
      }),
    );
    expect([...new Set(others)]).toEqual([]);
    expect(counts.answered + counts.late).toBeGreaterThanOrEqual(maxWaits);
    expect(counts.refused).toBeGreaterThan(0);
    expect(edge.metrics.value("canopy_hls_waiting_requests")).toBe(0);
    expect(edge.metrics.value("canopy_hls_refused_waits_total")).toBe(counts.refused);
    console.log(
      `10,000 waits: ${counts.answered} answered, ${counts.refused} refused, ${counts.late} late, ${Math.round((process.memoryUsage().rss - before) / 1e6)} MB`,
    );
    expect(await playlist(edge)).toContain("#EXTM3U");
  });
});
