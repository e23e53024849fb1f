import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { framePayload } from "@canopy/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BURST_EVERY_US,
  encodeBursts,
  findBursts,
} from "../../packages/origin/src/audio/tone-burst-suite.ts";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFlashes } from "../harness/find-flashes.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { type SoundFrame, SoundPublisher } from "../harness/sound-publisher.ts";
import { waitFor } from "../harness/wait-for.ts";

/** What viewers may notice of sound and picture apart, and a fifth of it for what the bridge adds. */
const MAX_SKEW_US = 20_000;
const MAX_BRIDGE_SKEW_US = 4_000;
const BURST_US = 100_000;
const AAC_FRAME_US = (1_024 * 1e6) / 44_100;
const OPUS_FRAME_US = 20_000;
/** To each side of a moment, when the speed of the media clock is looked at: times of RTMP are whole milliseconds. */
const SPEED_FRAMES = 4;
const MEASURED_SECONDS = 5;
/** A recording does without no group, however late a busy machine is with it. */
const PATIENT_LATENCY_MS = 60_000;
/** The origin keeps a track for 5 s after the last one left. */
const RELEASE_MS = 60_000;

interface DescribedTrack {
  readonly name: string;
  readonly codec?: string;
  readonly bridgeOf?: string;
  readonly active?: boolean;
}

interface DescribedBroadcast {
  readonly tracks: readonly DescribedTrack[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

async function describeBroadcast(api: string, path: string): Promise<DescribedBroadcast | undefined> {
  const response = await fetch(`${api}/v1/broadcasts/${path}`);
  return response.ok ? ((await response.json()) as DescribedBroadcast) : undefined;
}

function bridged(api: string, path: string, name: string): Promise<DescribedTrack> {
  return waitFor(`${name} in the API`, async () => {
    const described = await describeBroadcast(api, path);
    return described?.tracks.find((track) => track.name === name);
  });
}

/** A picture that is white and a tone that sounds for the first tenth of each half second. */
function publishFlashesAndBursts(url: string): StartedProcess {
  const picture = "color=black:size=160x96:rate=50,drawbox=color=white:t=fill:enable='lt(mod(t,0.5),0.1)'";
  const tone = "if(lt(mod(t,0.5),0.1),0.4*cos(2*PI*1000*mod(t,0.5)),0)";
  return startProcess("ffmpeg", [
    ...["-hide_banner", "-loglevel", "warning"],
    ...["-re", "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", `aevalsrc='${tone}':s=44100`],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25"],
    ...["-c:a", "aac", "-ac", "2", "-b:a", "128k", "-f", "flv", url],
  ]);
}

interface RecordedFrame extends SoundFrame {
  /** Of its group. */
  readonly sequence: number;
}

interface Recorded extends AsyncDisposable {
  readonly viewer: MoqViewer;
  readonly frames: ReadonlyMap<string, readonly RecordedFrame[]>;
  catalog: Catalog | undefined;
}

async function record(url: string, broadcast: string, tracks: readonly string[]): Promise<Recorded> {
  const frames = new Map<string, RecordedFrame[]>(tracks.map((track) => [track, []]));
  let catalog: Catalog | undefined;
  const viewer = await MoqViewer.connect({
    url,
    broadcast,
    tracks: [...tracks, "catalog.json"],
    maxLatencyMs: PATIENT_LATENCY_MS,
    onFrame: (track, sequence, frame) => {
      if (track === "catalog.json") catalog = parseCatalog(framePayload(frame));
      else insertFrame(frames.get(track) ?? [], { sequence, ...copyFrame(framePayload(frame)) });
    },
  });
  return {
    [Symbol.asyncDispose]: async () => viewer.close(),
    viewer,
    frames,
    get catalog() {
      return catalog;
    },
  };
}

/** In the order of the track: every group has a stream of its own, and a busy machine brings two of them at once. */
function insertFrame(frames: RecordedFrame[], frame: RecordedFrame): void {
  let at = frames.length;
  while (at > 0 && (frames[at - 1]?.sequence ?? 0) > frame.sequence) at -= 1;
  frames.splice(at, 0, frame);
}

function copyFrame(bytes: Uint8Array): SoundFrame {
  const { timestampUs, payload } = decodeLegacyFrame(bytes);
  return { timestampUs, payload: new Uint8Array(payload) };
}

function untilSeconds(recorded: Recorded, seconds: number): Promise<unknown> {
  return waitFor(
    () => `${seconds} s of ${[...recorded.frames].map(([name, { length }]) => `${name}: ${length}`)}`,
    () =>
      [...recorded.frames.values()].every((frames) => {
        const spanUs = (frames.at(-1)?.timestampUs ?? 0) - (frames[0]?.timestampUs ?? 0);
        return frames.length > 0 && spanUs >= seconds * 1e6;
      }),
    60_000,
  );
}

/** How far each event of one list is from the nearest of the other, where both lists were recorded; µs. */
function skews(events: readonly number[], reference: readonly number[]): number[] {
  const first = (reference[0] ?? 0) - BURST_EVERY_US / 2;
  const last = (reference.at(-1) ?? 0) + BURST_EVERY_US / 2;
  return events
    .filter((event) => event > first && event < last)
    .map((event) => event - reference.reduce((a, b) => (Math.abs(b - event) < Math.abs(a - event) ? b : a)));
}

/**
 * Bursts further from the original than the bridge may put them. Sound keeps its speed within a frame; where the media
 * clock moves (a publisher whose frames came late at first), as much of a frame as it is faster or slower comes on top.
 */
function strays(
  made: readonly number[],
  original: readonly number[],
  frames: readonly SoundFrame[],
  frameUs: number,
) {
  return made.flatMap((onsetUs) => {
    const [skewUs] = skews([onsetUs], original);
    const next = frames.findIndex(({ timestampUs }) => timestampUs > onsetUs);
    const [from, to] = [Math.max(0, next - SPEED_FRAMES), Math.min(frames.length - 1, next + SPEED_FRAMES)];
    const spanUs = (frames[to]?.timestampUs ?? 0) - (frames[from]?.timestampUs ?? 0);
    const slew = Math.abs(spanUs / ((to - from) * frameUs) - 1);
    const isNear = skewUs === undefined || Math.abs(skewUs) < MAX_BRIDGE_SKEW_US + slew * frameUs;
    return isNear ? [] : [{ onsetUs, skewUs, slew }];
  });
}

/** Bursts whose beginning was recorded: a recording may begin in the middle of one. */
async function findWholeBursts(
  codec: "aac" | "opus",
  frames: readonly SoundFrame[],
  config?: Uint8Array,
): Promise<number[]> {
  const sinceUs = (frames[0]?.timestampUs ?? 0) + BURST_US;
  return (await findBursts(codec, frames, config)).filter((onsetUs) => onsetUs > sinceUs);
}

function worst(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}

/** The catalog's AudioSpecificConfig. */
function description(catalog: Catalog | undefined, name: string): Uint8Array {
  return Buffer.from(catalog?.audio?.renditions[name]?.description ?? "", "hex");
}

async function expectNothingDropped(api: string): Promise<void> {
  for (const reason of ["queue", "restart", "undecodable", "oversize"]) {
    expect(await metric(api, `canopy_bridge_dropped_frames_total{reason="${reason}"}`)).toBe(0);
  }
}

interface StartedOrigin extends AsyncDisposable {
  readonly api: string;
  readonly rtmp: string;
}

async function startOrigin(env: Readonly<Record<string, string>> = {}): Promise<StartedOrigin> {
  const port = await findFreePorts(2);
  const ports = ["--port", String(port), "--rtmp-port", String(port + 1)];
  const started = startProcess(
    process.execPath,
    [CANOPY_COMMAND, "origin", "--host", "127.0.0.1", "--allow-anonymous", ...ports],
    { env },
  );
  const api = `http://127.0.0.1:${port}`;
  try {
    await waitFor("the origin", async () => (await fetch(`${api}/readyz`)).ok);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return {
    api,
    rtmp: `rtmp://127.0.0.1:${port + 1}`,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

describe.concurrent("the audio bridge", () => {
  let canopy: CanopyDev;
  let edge: string;

  beforeAll(async () => {
    canopy = await startCanopyDev({ edges: 1 });
    edge = canopy.edges[0] ?? "";
  });
  afterAll(async () => {
    await canopy?.stop();
  });

  it("makes Opus of a publisher's AAC in step with picture and sound, once", async () => {
    const path = "live/bursts";
    await using _publisher = publishFlashesAndBursts(`${canopy.rtmp}/${path}`);
    expect(await bridged(canopy.origin, path, "audio-opus")).toMatchObject({
      codec: "opus",
      bridgeOf: "audio",
      active: false,
    });
    await using one = await record(edge, path, ["video", "audio", "audio-opus"]);
    await using two = await record(edge, path, ["audio-opus"]);
    await untilSeconds(one, MEASURED_SECONDS);
    await untilSeconds(two, 1);
    expect(await metric(canopy.origin, 'canopy_bridges{kind="aac-opus"}')).toBe(1);
    expect((await bridged(canopy.origin, path, "audio-opus")).active).toBe(true);

    const flashes = findFlashes(one.frames.get("video") ?? []);
    const original = await findWholeBursts(
      "aac",
      one.frames.get("audio") ?? [],
      description(one.catalog, "audio"),
    );
    const made = await findWholeBursts("opus", one.frames.get("audio-opus") ?? []);
    const fromSound = skews(made, original);
    const fromPicture = skews(made, flashes);
    console.log(
      `Opus of AAC: ${(worst(fromSound) / 1_000).toFixed(2)} ms from its original, ${(worst(fromPicture) / 1_000).toFixed(2)} ms from the picture, over ${fromSound.length} bursts and ${flashes.length} flashes`,
    );
    expect(fromSound.length).toBeGreaterThanOrEqual(2 * MEASURED_SECONDS - 3);
    expect(strays(made, original, one.frames.get("audio") ?? [], AAC_FRAME_US)).toEqual([]);
    expect(fromPicture.length).toBeGreaterThanOrEqual(2 * MEASURED_SECONDS - 3);
    expect(worst(fromPicture)).toBeLessThan(MAX_SKEW_US);
    await expectNothingDropped(canopy.origin);
  });

  it("makes AAC of a publisher's Opus in step with it", async () => {
    const path = "live/opus-bursts";
    const { frames } = await encodeBursts({
      encoder: "libopus",
      sampleRate: 48_000,
      channels: 2,
      startUs: Date.now() * 1_000,
      seconds: 60,
    });
    const rendition = { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 };
    await using _publisher = await SoundPublisher.connect({
      ...{ url: canopy.origin, broadcast: path, rendition, frames },
    });
    expect(await bridged(canopy.origin, path, "audio-aac")).toMatchObject({
      codec: "mp4a.40.2",
      bridgeOf: "audio",
      active: false,
    });
    await using recorded = await record(edge, path, ["audio", "audio-aac"]);
    await untilSeconds(recorded, MEASURED_SECONDS);
    const original = await findWholeBursts("opus", recorded.frames.get("audio") ?? []);
    const config = description(recorded.catalog, "audio-aac");
    const made = await findWholeBursts("aac", recorded.frames.get("audio-aac") ?? [], config);
    const fromSound = skews(made, original);
    console.log(
      `AAC of Opus: ${(worst(fromSound) / 1_000).toFixed(2)} ms from its original, over ${fromSound.length} bursts`,
    );
    expect(fromSound.length).toBeGreaterThanOrEqual(2 * MEASURED_SECONDS - 3);
    expect(strays(made, original, recorded.frames.get("audio") ?? [], OPUS_FRAME_US)).toEqual([]);
  });
});

describe.concurrent("the audio bridge of an origin without children", () => {
  it("makes sound only while somebody follows it", async () => {
    await using origin = await startOrigin();
    const { api } = origin;
    const path = "live/bursts";
    await using _publisher = publishFlashesAndBursts(`${origin.rtmp}/${path}`);
    await bridged(api, path, "audio-opus");
    await using others = await record(api, path, ["video", "audio"]);
    await untilSeconds(others, 2);
    expect(await metric(api, 'canopy_bridge_frames_total{kind="aac-opus"}')).toBe(0);
    const renditions = others.catalog?.audio?.renditions ?? {};
    expect(Object.keys(renditions)).toEqual(["audio", "audio-opus"]);
    expect(others.catalog?.canopy?.bridges).toEqual({ "audio-opus": "audio" });

    await using follower = await record(api, path, ["audio-opus"]);
    await untilSeconds(follower, 1);
    expect(await metric(api, 'canopy_bridges{kind="aac-opus"}')).toBe(1);
    follower.viewer.close();
    await waitFor(
      "the bridge to stop",
      async () => (await metric(api, 'canopy_bridges{kind="aac-opus"}')) === 0,
      RELEASE_MS,
    );
    const frames = await metric(api, 'canopy_bridge_frames_total{kind="aac-opus"}');
    expect(frames).toBeGreaterThan(0);
    const seen = others.frames.get("audio")?.length ?? 0;
    await waitFor("more sound", () => (others.frames.get("audio")?.length ?? 0) > seen + 50);
    expect(await metric(api, 'canopy_bridge_frames_total{kind="aac-opus"}')).toBe(frames);
    await expectNothingDropped(api);
  });

  it("runs without FFmpeg, serves the publisher's sound, and says that it cannot make another", async () => {
    await using origin = await startOrigin({ NODE_OPTIONS: `--import ${refuseModule("node-av")}` });
    const { api } = origin;
    const path = "live/bursts";
    await using _publisher = publishFlashesAndBursts(`${origin.rtmp}/${path}`);
    await bridged(api, path, "audio-opus");

    await using recorded = await record(api, path, ["audio", "audio-opus"]);
    await waitFor("the end of the bridged track", () => recorded.viewer.view("audio-opus").closed);
    const warning = await waitFor("the warning", async () => {
      const described = await describeBroadcast(api, path);
      return described?.warnings.find(({ code }) => code === "no-audio-bridge");
    });
    expect(warning.message).toContain("FFmpeg cannot be loaded");
    await waitFor("a catalog without it", () => {
      const { catalog } = recorded;
      return catalog !== undefined && catalog.audio?.renditions["audio-opus"] === undefined;
    });
    expect(recorded.catalog?.canopy?.bridges).toBeUndefined();
    expect(await metric(api, 'canopy_bridge_restarts_total{reason="unavailable"}')).toBe(1);
    const seen = recorded.viewer.view("audio").frames;
    await waitFor("more sound", () => recorded.viewer.view("audio").frames > seen + 50);
  });
});

/** URL of a module that makes Node.js find no module of that name, in all threads. */
function refuseModule(name: string): string {
  const hooks = `export async function resolve(specifier, context, next) {
    if (specifier.startsWith(${JSON.stringify(name)})) throw new Error("no such module: " + specifier);
    return next(specifier, context);
  }`;
  const asUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  return asUrl(`import { register } from "node:module"; register(${JSON.stringify(asUrl(hooks))});`);
}
