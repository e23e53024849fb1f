import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTimedMessage, TIMED_SEI_UUID } from "@canopy/media/timed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder } from "../harness/broadcast-recorder.ts";
import { openViewer } from "../harness/browser-viewer.ts";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { openMediaPage } from "../harness/media-page.ts";
import { type PostedMessage, postRandomMessages } from "../harness/post-timed.ts";
import { readBurntInNumbers, traceUserData } from "../harness/read-elementary-stream.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/table";
const COUNT = 500;
/** Six players share the machine's cores with the encoder: a small picture at the full rate. */
const PICTURE = ["--width", "320", "--height", "180", "--fps", "30", "--video-bitrate", "400"];
const UUID = Buffer.from(TIMED_SEI_UUID.replaceAll("-", ""), "hex");

/** What of the messages came out at one place. */
interface Outcome {
  readonly place: string;
  /** Frames that its player showed, and those on which messages came: numbers in the pictures. */
  readonly shown: readonly number[];
  readonly came: readonly { readonly id: string; readonly frame: number | undefined }[];
  /** By how many of the shown pictures a message may come late. */
  readonly allowed: number;
}

let dev: CanopyDev;
let chromium: TestChromium;
let publisher: StartedProcess | undefined;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-ways-"));
  dev = await startCanopyDev({ edges: 1 });
  publisher = startProcess(process.execPath, [
    CANOPY_COMMAND,
    "broadcast",
    "test",
    "--to",
    `${dev.rtmp}/${BROADCAST}`,
    ...PICTURE,
  ]);
  chromium = await launchChromium();
});

afterAll(async () => {
  await chromium?.close();
  await publisher?.stop();
  await dev?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One of the player's transports. */
async function watch(transport: string, allowed: number) {
  const viewer = await openViewer(chromium, {
    console: dev.console,
    src: dev.edges,
    broadcast: BROADCAST,
    query: { transports: transport },
  });
  return {
    ready: () => viewer.presents(30),
    fired: async () => (await viewer.fired()).length,
    outcome: async (): Promise<Outcome> => {
      expect((await viewer.stats()).transport).toBe(transport);
      const came = (await viewer.fired()).map(({ id, frame }) => ({ id, frame }));
      const shown = (await viewer.takePainted()).map(({ frame }) => frame);
      return { place: transport, shown, came, allowed };
    },
  };
}

/** hls.js without low latency, and without any code of ours. */
async function watchClassic() {
  const url = `${dev.edges[0]}/hls/${BROADCAST}/index.m3u8`;
  const page = await openMediaPage(chromium, { kind: "hls", url, lowLatency: false });
  const shown: number[] = [];
  const take = async (): Promise<number> => {
    shown.push(...(await page.takeShown()).map(({ frame }) => frame));
    return shown.length;
  };
  return {
    ready: () => waitFor("pictures of classic HLS", async () => (await take()) > 30, 60_000),
    fired: async () => (await page.reached()).length,
    outcome: async (): Promise<Outcome> => {
      await take();
      const came = (await page.reached()).map(({ json, frame }) => ({ id: idOf(Buffer.from(json)), frame }));
      return { place: "classic hls", shown, came, allowed: 1 };
    },
  };
}

function idOf(json: Uint8Array): string {
  return decodeTimedMessage(json).id;
}

/** By the API, from the first message to the last one. */
async function record() {
  const response = await fetch(`${dev.origin}/v1/recordings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ broadcast: BROADCAST }),
  });
  expect(response.status).toBe(201);
  const { id } = (await response.json()) as { id: string };
  const look = async () =>
    (await (await fetch(`${dev.origin}/v1/recordings/${id}`)).json()) as {
      readonly state: string;
      readonly durationSeconds: number;
      readonly events: number;
    };
  return {
    ready: () => waitFor("the recording to run", async () => (await look()).durationSeconds > 0),
    fired: async () => (await look()).events,
    /** In the MP4 by its SEI, and in the timeline. */
    outcomes: async (): Promise<readonly Outcome[]> => {
      await fetch(`${dev.origin}/v1/recordings/${id}`, { method: "DELETE" });
      await waitFor("the files", async () => (await look()).state === "ready");
      const video = `${dev.origin}/recordings/${id}/video.mp4`;
      const raw = join(folder, "recorded.h264");
      const args = ["-v", "error", "-y", "-i", video, "-map", "0:v", "-c", "copy"];
      execFileSync("ffmpeg", [...args, "-bsf:v", "h264_mp4toannexb", "-f", "h264", raw]);
      const numbers = (await readBurntInNumbers(raw)).map((number) => number ?? -1);
      const inSei = new Map<string, number>();
      for (const { unit, bytes } of (await traceUserData(raw)).messages) {
        if (!bytes.subarray(0, UUID.length).equals(UUID)) continue;
        const message = idOf(bytes.subarray(UUID.length));
        if (!inSei.has(message)) inSei.set(message, unit);
      }
      const timeline = (await (await fetch(`${dev.origin}/recordings/${id}/timeline.json`)).json()) as {
        readonly events: readonly {
          readonly offsetSeconds: number;
          readonly message: { readonly id: string };
        }[];
      };
      const probed = execFileSync(
        "ffprobe",
        ["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", video],
        { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
      );
      const times = probed.trim().split("\n").map(Number.parseFloat);
      const frameAt = (seconds: number) => numbers[times.findIndex((time) => time >= seconds - 0.001)];
      return [
        {
          place: "recording, SEI",
          shown: numbers,
          came: [...inSei].map(([message, unit]) => ({ id: message, frame: numbers[unit] })),
          allowed: 0,
        },
        {
          place: "recording, timeline",
          shown: numbers,
          came: timeline.events.map(({ offsetSeconds, message }) => ({
            id: message.id,
            frame: frameAt(offsetSeconds),
          })),
          allowed: 0,
        },
      ];
    },
  };
}

/** The frame of each message, as another decoder finds it in the broadcast. */
async function meantFrames(
  recorder: BroadcastRecorder,
  posted: readonly PostedMessage[],
): Promise<ReadonlyMap<string, number>> {
  const video = recorder.frames("video");
  const file = join(folder, "video.h264");
  writeFileSync(file, Buffer.concat(video.map(({ payload }) => payload)));
  const numbers = await readBurntInNumbers(file);
  expect(numbers.length).toBe(video.length);
  const timesUs = video.map(({ timestampUs }) => timestampUs);
  return new Map(
    posted.map(({ id, at }) => [id, numbers[timesUs.findIndex((timeUs) => timeUs >= at)] ?? -1] as const),
  );
}

interface Line {
  readonly place: string;
  readonly messages: number;
  readonly twice: number;
  readonly unknown: number;
  /** How many messages came so many frames after their own. */
  readonly afterOwn: Readonly<Record<string, number>>;
  /** Likewise after the first picture, of those that were shown, that was not before their own. */
  readonly afterShown: Readonly<Record<string, number>>;
}

function compare({ place, shown, came }: Outcome, meant: ReadonlyMap<string, number>): Line {
  const ids = new Set(came.map(({ id }) => id));
  const known = came.filter(({ id }) => meant.has(id));
  const seen = [...new Set([...shown, ...known.map(({ frame }) => frame ?? -1)])].sort((a, b) => a - b);
  const own = known.map(({ id, frame = -1 }) => frame - (meant.get(id) ?? 0));
  const late = known.map(({ id, frame = -1 }) => {
    const first = seen.findIndex((number) => number >= (meant.get(id) ?? 0));
    return seen.indexOf(frame) - first;
  });
  return {
    place,
    messages: [...ids].filter((id) => meant.has(id)).length,
    twice: came.length - ids.size,
    unknown: came.length - known.length,
    afterOwn: tally(own),
    afterShown: tally(late),
  };
}

function tally(values: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of [...values].sort((a, b) => a - b)) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function print(lines: readonly Line[]): void {
  const text = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([frames, count]) => `${frames}: ${count}`)
      .join(", ");
  const rows = lines.map(({ place, messages, twice, afterOwn, afterShown }) =>
    [
      place.padEnd(20),
      `${messages} of ${COUNT}`,
      String(twice).padStart(5),
      text(afterOwn),
      text(afterShown),
    ].join(" | "),
  );
  const head = "where                | messages   | twice | frames after its own | pictures shown since then";
  console.log([head, ...rows].join("\n"));
}

describe("the same 500 timed messages", () => {
  it("come out once each, on their frame, over every transport and in a recording at the same time", async () => {
    await waitFor("the broadcast", async () => (await fetch(`${dev.origin}/v1/broadcasts/${BROADCAST}`)).ok);
    const recorder = await BroadcastRecorder.open(dev.edges[0] ?? "", BROADCAST, ["video"]);
    const players = [
      await watch("webtransport", 0),
      await watch("websocket", 0),
      await watch("whep", 1),
      await watch("hls", 1),
      await watchClassic(),
    ];
    const recording = await record();
    await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
    for (const { ready } of [...players, recording]) await ready();

    const posted = await postRandomMessages(
      { seed: 500, count: COUNT, meanGapMs: 10 },
      { origin: dev.origin, broadcast: BROADCAST },
    );
    const lastUs = Math.max(...posted.map(({ at }) => at));
    await waitFor("the last frame", () => recorder.newestUs("video") > lastUs + 1_000_000);
    for (const { fired } of [...players, recording]) {
      await waitFor("all messages", async () => (await fired()) >= COUNT, 20_000).catch(() => {
        // The table says what is missing.
      });
    }
    // And a moment longer for what must not come.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const outcomes: Outcome[] = [];
    for (const { outcome } of players) outcomes.push(await outcome());
    recorder.close();
    outcomes.push(...(await recording.outcomes()));

    const meant = await meantFrames(recorder, posted);
    const lines = outcomes.map((outcome) => compare(outcome, meant));
    print(lines);
    for (const { place, messages, twice, unknown } of lines) {
      expect({ place, messages, twice, unknown }).toEqual({ place, messages: COUNT, twice: 0, unknown: 0 });
    }
    for (const [index, { place, afterShown }] of lines.entries()) {
      const allowed = outcomes[index]?.allowed ?? 0;
      const late = Object.keys(afterShown).filter((frames) => Number(frames) < 0 || Number(frames) > allowed);
      expect(late, place).toEqual([]);
    }
  });
});
