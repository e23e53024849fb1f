import { execFileSync } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { clipSeconds, extraMs, longTimeoutMs, MemoryWatch } from "../harness/long-run.ts";
import { measureSync } from "../harness/measure-sync.ts";
import { NginxRtmp } from "../harness/nginx-rtmp.ts";
import { TestOrigin } from "../harness/origin.ts";
import { postTimed } from "../harness/post-timed.ts";
import { decodeErrors, probe } from "../harness/probe-media.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

interface RestreamAnswer {
  readonly id: string;
  readonly target: string;
  readonly state: string;
  readonly since: string;
  readonly bytes: number;
  readonly retries: number;
  readonly error?: { readonly code: string; readonly message: string };
}

const KEY = "a-stream-key-nobody-may-see";

async function post(origin: TestOrigin, body: unknown): Promise<Response> {
  return fetch(`${origin.api}/v1/restreams`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function start(origin: TestOrigin, broadcast: string, target: string): Promise<string> {
  const response = await post(origin, { broadcast, target });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

async function look(origin: TestOrigin, id: string): Promise<RestreamAnswer> {
  return (await (await fetch(`${origin.api}/v1/restreams/${id}`)).json()) as RestreamAnswer;
}

function untilState(
  origin: TestOrigin,
  id: string,
  state: string,
  timeoutMs?: number,
): Promise<RestreamAnswer> {
  return waitFor(
    `restream ${id} to be ${state}`,
    async () => {
      const restream = await look(origin, id);
      return restream.state === state && restream;
    },
    timeoutMs,
  );
}

async function untilBytesGrow(origin: TestOrigin, id: string, timeoutMs: number): Promise<void> {
  const { bytes } = await look(origin, id);
  await waitFor("bytes to flow", async () => (await look(origin, id)).bytes > bytes + 50_000, timeoutMs);
}

/** Pictures with B-frames and a tone, so that decoding times have to be made; long enough not to start over. */
const clip = () => makeClip({ bFrames: 2, seconds: clipSeconds(40) });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** While the target is away: attempts come quickly at first, and in the end as seldom as they ever do. */
const OUTAGES_MS = [2_000, 6_000];

// Making them stops this process, which all the origins are in.
beforeAll(() => {
  makeClip({});
  clip();
}, longTimeoutMs());

// Each at an origin of its own, and most of it waiting: beside each other.

describe.concurrent("restream to nginx", () => {
  let origin: TestOrigin;
  let nginx: NginxRtmp;

  beforeAll(async () => {
    nginx = await NginxRtmp.start();
    origin = await TestOrigin.start();
  });

  afterAll(async () => {
    await origin?.[Symbol.asyncDispose]();
    await nginx?.[Symbol.asyncDispose]();
  });

  it.sequential(
    "waits for the broadcast, and comes back within 5 s whenever the target was killed",
    async () => {
      const id = await start(origin, "live/a", `${nginx.url}/${KEY}`);
      expect((await look(origin, id)).state).toBe("waiting");
      await using _ = publishWithFfmpeg(clip(), `${origin.rtmp}/live/a`);
      await untilState(origin, id, "live");
      await untilBytesGrow(origin, id, 10_000);
      await postTimed(origin.api, "live/a", { type: "cue", data: "in the SEI" });
      // Half a second of pictures: those with the message are with nginx before it is killed.
      await untilBytesGrow(origin, id, 5_000);

      using memory = new MemoryWatch();
      const backMs: number[] = [];
      const phaseMs = extraMs(3);
      await sleep(phaseMs);
      for (const outageMs of OUTAGES_MS) {
        await nginx.kill();
        const lost = await untilState(origin, id, "retrying");
        expect(lost.error?.code).toMatch(/target-/);
        await sleep(outageMs);
        await nginx.up();
        const upAt = Date.now();
        await untilState(origin, id, "live", 5_000);
        await untilBytesGrow(origin, id, 5_000);
        backMs.push(Date.now() - upAt);
        expect(backMs.at(-1)).toBeLessThan(5_000);
        await sleep(2_500 + phaseMs);
      }
      expect(memory.heapMb(2 / 3, 1) - memory.heapMb(0, 1 / 3)).toBeLessThan(64);

      const metrics = await scrapeMetrics(origin.api);
      expect(metrics.get('canopy_restreams{kind="live"}')).toBe(1);
      expect(metrics.get('canopy_restream_failures_total{reason="unreachable"}')).toBeGreaterThan(0);
      expect((await fetch(`${origin.api}/v1/restreams/${id}`, { method: "DELETE" })).status).toBe(204);
      expect((await fetch(`${origin.api}/v1/restreams/${id}`)).status).toBe(404);

      const files = nginx.recordings();
      expect(files).toHaveLength(3);
      const lengths: string[] = [];
      for (const file of files) {
        const { codecs, packets } = await probe(file);
        expect(codecs).toEqual({ video: "h264", audio: "aac" });
        const video = packets.filter(({ kind }) => kind === "video");
        const audio = packets.filter(({ kind }) => kind === "audio");
        expect(video[0]?.keyframe).toBe(true);
        expect(video.every(({ pts, dts }) => pts >= dts)).toBe(true);
        expect(video.some(({ pts, dts }) => pts > dts)).toBe(true);
        // Both begin and end together. Decoding begins two pictures before showing, and sound with it.
        const first = Math.min(...video.map(({ pts }) => pts)) - (audio[0]?.pts ?? 0);
        const last = Math.max(...video.map(({ pts }) => pts)) - (audio.at(-1)?.pts ?? 0);
        expect(Math.abs(first)).toBeLessThan(0.15);
        expect(Math.abs(last)).toBeLessThan(0.3);
        const sync = await measureSync(file, clip());
        expect(sync.pictures).toBeGreaterThan(10);
        expect(sync.worstMs).toBeLessThan(20);
        const seconds = Math.max(...video.map(({ pts }) => pts)) - Math.min(...video.map(({ pts }) => pts));
        lengths.push(`${seconds.toFixed(1)} s with sound off by at most ${sync.worstMs.toFixed(1)} ms`);
      }
      console.log(`restream: files of ${lengths.join("; ")}; back after ${backMs.join(", ")} ms; ${memory}`);
      // The last file was closed by the end of the restream, not by a kill.
      expect(await decodeErrors(files.at(-1) ?? "")).toBe("");
      const sei = execFileSync("grep", ["-c", "-a", "in the SEI", files[0] ?? ""])
        .toString()
        .trim();
      expect(Number(sei)).toBeGreaterThan(0);
    },
    longTimeoutMs(),
  );

  it.sequential("goes on when the publisher restarts", async () => {
    const id = await start(origin, "live/b", `${nginx.url}/b`);
    const first = publishWithFfmpeg(clip(), `${origin.rtmp}/live/b`);
    await untilState(origin, id, "live");
    await untilBytesGrow(origin, id, 10_000);
    await first.stop();
    await using _ = publishWithFfmpeg(clip(), `${origin.rtmp}/live/b`);
    await untilBytesGrow(origin, id, 20_000);
    expect((await look(origin, id)).state).toBe("live");
    await fetch(`${origin.api}/v1/restreams/${id}`, { method: "DELETE" });
  });
});

describe.concurrent("restream API", () => {
  let origin: TestOrigin;

  beforeAll(async () => {
    origin = await TestOrigin.start({ restreams: { maxRestreams: 2, allowedHosts: ["127.0.0.1"] } });
  });

  afterAll(async () => {
    await origin?.[Symbol.asyncDispose]();
  });

  it.sequential("shows no stream key", async () => {
    const id = await start(origin, "live/x", `rtmp://127.0.0.1:1/live/${KEY}?token=hush`);
    const text = await (await fetch(`${origin.api}/v1/restreams`)).text();
    expect(text).toContain("rtmp://127.0.0.1:1/live/…-see");
    expect(text).not.toContain(KEY);
    expect(text).not.toContain("hush");
    await fetch(`${origin.api}/v1/restreams/${id}`, { method: "DELETE" });
  });

  it.sequential.each([
    { broadcast: "live/x", target: "http://127.0.0.1/live/x" },
    { broadcast: "live/x", target: "file:///etc/passwd" },
    { broadcast: "live/x", target: "rtmp://127.0.0.1/live" },
    { broadcast: "live/x", target: "rtmp://169.254.169.254/live/x" },
    { broadcast: "live/../x", target: "rtmp://127.0.0.1/live/x" },
    { broadcast: "live/x" },
    { broadcast: "live/x", target: "rtmp://127.0.0.1/live/x", more: 1 },
  ])("refuses %o", async (body) => {
    const response = await post(origin, body);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
  });

  it.sequential("refuses the same restream twice, and more than its limit", async () => {
    const target = "rtmp://127.0.0.1:1/live/x";
    const ids = [await start(origin, "live/x", target)];
    expect((await post(origin, { broadcast: "live/x", target })).status).toBe(409);
    ids.push(await start(origin, "live/y", target));
    expect((await post(origin, { broadcast: "live/z", target })).status).toBe(429);
    for (const id of ids) await fetch(`${origin.api}/v1/restreams/${id}`, { method: "DELETE" });
  });
});

/** A target that accepts and then says nothing, takes nothing, or says nonsense. */
async function badTarget(onSocket: (socket: Socket) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { server, url: `rtmp://127.0.0.1:${port}/live/x` };
}

describe.concurrent("restream to a bad target", () => {
  it.sequential("gives up on silence after its deadline, and on nonsense at once", async () => {
    await using origin = await TestOrigin.start();
    await using _ = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/live/a`);
    const mute = await badTarget(() => {});
    const noisy = await badTarget((socket) => socket.write(Buffer.alloc(8_192, 0xff)));
    try {
      const ids = [await start(origin, "live/a", mute.url), await start(origin, "live/a", noisy.url)];
      for (const id of ids) {
        const restream = await waitFor("a failure", async () => {
          const answer = await look(origin, id);
          return answer.error !== undefined && answer;
        });
        expect(["retrying", "connecting"]).toContain(restream.state);
        expect(restream.error?.code).toMatch(/target-/);
      }
    } finally {
      mute.server.close();
      noisy.server.close();
    }
  });
});
