import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTimedMessage } from "@canopy/media/timed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder, type RecordedFrame } from "../harness/broadcast-recorder.ts";
import { openViewer } from "../harness/browser-viewer.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { openMediaPage, type ReachedMessage } from "../harness/media-page.ts";
import { postRandomMessages } from "../harness/post-timed.ts";
import {
  expectFired,
  expectInElementaryStream,
  expectOnTrack,
  type Fired,
  readFired,
} from "../harness/published-messages.ts";
import { readBurntInNumbers } from "../harness/read-elementary-stream.ts";
import { SMALL_PICTURE } from "../harness/test-picture.ts";
import { timedCarriers } from "../harness/timed-carriers.ts";
import { waitFor } from "../harness/wait-for.ts";

const COUNT = 500;
/** Numbers that a busy machine reads off a picture that is being exchanged. */
const MAX_UNPLACED = 10;

/** The element's timeline is rounded to µs, and so is the player's. */
const CLOCK_US = 3;
/** Composed without a GPU: a page costs what it is large. */
const VIEWPORT = { width: 360, height: 240 };

/** What of the messages came out at one place. Pictures are named by their number among those of the broadcast. */
interface Outcome {
  readonly place: string;
  /** Pictures that were presented there. */
  readonly shown: readonly number[];
  /** Each message with the picture on which it came. */
  readonly came: readonly {
    readonly id: string;
    readonly picture: number;
    /** The picture whose number was read on screen then; undefined where nobody looked. */
    readonly read?: number;
    /** Media time of the picture minus the message's, ms. */
    readonly lateMs?: number;
  }[];
  /** By how many of the pictures that were shown a message may be off. */
  readonly allowed: number;
  /** Nothing but SEI tells of messages there. */
  readonly bySei?: boolean;
}

/** Pictures of the broadcast in their order: media times, µs, and the numbers that are burnt into them. */
interface Source {
  readonly timesUs: readonly number[];
  readonly numbers: readonly (number | undefined)[];
}

const byTime = ({ timesUs }: Source, timeUs: number): number =>
  timesUs.findIndex((time) => time >= timeUs - CLOCK_US);
const byNumber = ({ numbers }: Source, number: number | undefined): number => numbers.indexOf(number);

/** The file's times are rounded to its time scales. */
const ROUNDING_S = 0.000_1;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// Six players share the machine's cores with the encoder.
const stage = useDevInChromium({ edges: 1, picture: SMALL_PICTURE });
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-ways-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** One of the player's transports. */
async function watch(transport: string, { allowed = 0, query = {} } = {}) {
  const viewer = await openViewer(stage.chromium, {
    console: stage.dev.console,
    src: stage.dev.edges,
    broadcast: DEMO_BROADCAST,
    query: { transports: transport, ...query },
    viewport: VIEWPORT,
  });
  const presented = new Set<number>();
  const look = async (): Promise<void> => {
    for (const timeUs of (await viewer.stats()).presentedTimestampsUs) presented.add(timeUs);
  };
  const outcome = ({ fired }: Fired, source: Source): Outcome => {
    const came = fired.map(({ id, at, mediaTimeUs, frame }) => ({
      id,
      lateMs: (mediaTimeUs - at) / 1_000,
      picture: byTime(source, mediaTimeUs),
      read: byNumber(source, frame),
    }));
    const shown = [...presented].map((timeUs) => byTime(source, timeUs));
    return { place: transport, shown, came, allowed };
  };
  return {
    ready: () => viewer.presents(30),
    look,
    fires: () => viewer.fires(COUNT),
    end: async () => {
      await look();
      const last = await readFired(viewer);
      expect(last.stats.transport).toBe(transport);
      expect(viewer.errors).toEqual([]);
      await viewer.close();
      return { last, outcome: (source: Source) => outcome(last, source) };
    },
  };
}

/** hls.js without low latency, and without any code of ours. */
async function watchClassic() {
  const url = `${stage.dev.edges[0]}/hls/${DEMO_BROADCAST}/index.m3u8`;
  const page = await openMediaPage(stage.chromium, { kind: "hls", url, lowLatency: false });
  await page.page.setViewportSize(VIEWPORT);
  const numbers: number[] = [];
  const outcome = (reached: readonly ReachedMessage[], source: Source): Outcome => {
    const came = reached.map(({ json, frame }) => ({
      id: idOf(Buffer.from(json)),
      picture: byNumber(source, frame),
    }));
    const shown = numbers.map((number) => byNumber(source, number));
    return { place: "classic hls", shown, came, allowed: 1, bySei: true };
  };
  const look = async (): Promise<void> => {
    numbers.push(...(await page.takeShown()).map(({ frame }) => frame));
  };
  return {
    ready: () =>
      waitFor(
        "pictures of classic HLS",
        async () => {
          await look();
          return numbers.length > 30;
        },
        60_000,
      ),
    look,
    fires: () => waitFor("all messages", async () => (await page.reached()).length >= COUNT),
    end: async () => {
      await look();
      const reached = await page.reached();
      await page.close();
      return { outcome: (source: Source) => outcome(reached, source) };
    },
  };
}

function idOf(json: Uint8Array): string {
  return decodeTimedMessage(json).id;
}

/** By the API, from the first message to the last one. */
async function record() {
  const response = await fetch(`${stage.dev.origin}/v1/recordings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ broadcast: DEMO_BROADCAST }),
  });
  expect(response.status).toBe(201);
  const { id } = (await response.json()) as { id: string };
  const look = async () =>
    (await (await fetch(`${stage.dev.origin}/v1/recordings/${id}`)).json()) as {
      readonly state: string;
      readonly durationSeconds: number;
      readonly events: number;
    };
  return {
    ready: () => waitFor("the recording to run", async () => (await look()).durationSeconds > 0),
    fires: () => waitFor("all messages", async () => (await look()).events >= COUNT),
    /** In the MP4 by its SEI, and in the timeline. */
    outcomes: async (source: Source): Promise<readonly Outcome[]> => {
      await fetch(`${stage.dev.origin}/v1/recordings/${id}`, { method: "DELETE" });
      await waitFor("the files", async () => (await look()).state === "ready");
      const video = `${stage.dev.origin}/recordings/${id}/video.mp4`;
      const file = join(folder, "video.mp4");
      const bytes = Buffer.from(await (await fetch(video)).arrayBuffer());
      writeFileSync(file, bytes);
      const timeline = (await (await fetch(`${stage.dev.origin}/recordings/${id}/timeline.json`)).json()) as {
        readonly events: readonly {
          readonly offsetSeconds: number;
          readonly mediaTimeUs: number;
          readonly message: { readonly id: string };
        }[];
      };
      const packets = readPackets(file);
      const inSei = new Map<string, number>();
      for (const { pts, at, size } of packets) {
        const text = bytes.subarray(at, at + size).toString("latin1");
        for (const [, message = ""] of text.matchAll(/"id":"([0-9A-Z]{26})"/g)) {
          if (!inSei.has(message)) inSei.set(message, pts);
        }
      }
      const places = new Map(timeline.events.map((event) => [event.message.id, event]));
      /** The picture that is shown at this time of the file. */
      const pictureAt = (message: string, seconds: number): number => {
        const { mediaTimeUs = 0, offsetSeconds = 0 } = places.get(message) ?? {};
        return byTime(source, mediaTimeUs + (seconds - offsetSeconds - ROUNDING_S) * 1e6);
      };
      const shown = packets.map(({ pts }) => pictureAt(timeline.events[0]?.message.id ?? "", pts));
      // Both name a moment of the same file: what lies between them is where the file begins.
      const begins = timeline.events.map((event) => event.mediaTimeUs / 1e6 - event.offsetSeconds);
      expect(Math.max(...begins) - Math.min(...begins)).toBeLessThan(ROUNDING_S);
      return [
        {
          place: "recording, SEI",
          shown,
          came: [...inSei].map(([message, pts]) => ({ id: message, picture: pictureAt(message, pts) })),
          allowed: 0,
          bySei: true,
        },
        {
          place: "recording, timeline",
          shown,
          // By the unrounded time, to the µs: a message may lie closer behind a picture than any clock here is fine.
          came: timeline.events.map(({ mediaTimeUs, message }) => ({
            id: message.id,
            picture: source.timesUs.findIndex((timeUs) => timeUs >= mediaTimeUs),
          })),
          allowed: 0,
        },
      ];
    },
  };
}

interface FilePacket {
  /** When its picture is shown, s. */
  readonly pts: number;
  /** Where it lies in the file. */
  readonly at: number;
  readonly size: number;
}

function readPackets(file: string): FilePacket[] {
  const show = ["-select_streams", "v", "-show_entries", "packet=pts_time,pos,size", "-of", "csv=p=0", file];
  const text = execFileSync("ffprobe", ["-v", "error", ...show], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return text
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number))
    .map(([pts = 0, size = 0, at = 0]) => ({ pts, at, size }));
}

/** The pictures as they left the edge, read by another decoder. */
async function readSource(video: readonly RecordedFrame[], file: string): Promise<Source> {
  const numbers = await readBurntInNumbers(file);
  expect(numbers.length).toBe(video.length);
  return { timesUs: video.map(({ timestampUs }) => timestampUs), numbers };
}

interface Line {
  readonly place: string;
  readonly messages: number;
  readonly twice: number;
  readonly unknown: number;
  readonly unplaced: number;
  /** By how many pictures of the broadcast each message came after its own, also where a player left some out. */
  readonly afterOwn: readonly number[];
  /** Likewise by how many of those that were shown, after the first that was not before its own. */
  readonly afterShown: readonly number[];
  /** By how many the number that was read on screen was after its own. */
  readonly read: readonly number[];
  readonly lateMs: readonly number[];
}

function compare({ place, shown, came }: Outcome, meant: ReadonlyMap<string, number>): Line {
  const ids = new Set(came.map(({ id }) => id));
  const known = came.filter(({ id }) => meant.has(id));
  // Of those whose number could not be read off the screen it is not known where they came.
  const placed = known.filter(({ picture }) => picture >= 0);
  const seen = [...new Set([...shown, ...placed.map(({ picture }) => picture)])].sort((a, b) => a - b);
  return {
    place,
    messages: [...ids].filter((id) => meant.has(id)).length,
    twice: came.length - ids.size,
    unknown: came.length - known.length,
    lateMs: known.flatMap(({ lateMs }) => (lateMs === undefined ? [] : [lateMs])),
    read: known.flatMap(({ id, read }) =>
      read === undefined || read < 0 ? [] : [read - (meant.get(id) ?? 0)],
    ),
    unplaced: known.length - placed.length,
    afterOwn: placed.map(({ id, picture }) => picture - (meant.get(id) ?? 0)),
    afterShown: placed.map(({ id, picture }) => {
      const first = seen.findIndex((number) => number >= (meant.get(id) ?? 0));
      return seen.indexOf(picture) - first;
    }),
  };
}

/** `498 × 0, 2 × 1`; what is far out is summed up. */
function tally(values: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const value of [...values].sort((a, b) => a - b)) {
    const name = value < -1 ? "earlier" : value > 3 ? `later (to ${Math.max(...values)})` : String(value);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(", ");
}

function print(lines: readonly Line[]): void {
  const head = [
    "where",
    "messages",
    "twice",
    "pictures after its own",
    "of those shown",
    "number read",
    "ms after its time",
  ];
  const cells = lines.map(({ place, messages, twice, afterOwn, afterShown, read, lateMs }) => [
    place,
    `${messages} of ${COUNT}`,
    String(twice),
    tally(afterOwn),
    tally(afterShown),
    tally(read),
    lateMs.length === 0 ? "" : `${Math.min(...lateMs).toFixed(1)} to ${Math.max(...lateMs).toFixed(1)}`,
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const text = [head, widths.map((width) => "-".repeat(width)), ...cells].map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  console.log(text.join("\n"));
}

describe("the same 500 timed messages", () => {
  it("come out once each, on their frame, over every transport and in a recording at the same time", async () => {
    const recorder = await BroadcastRecorder.open(stage.dev.edges[0] ?? "", DEMO_BROADCAST, [
      "video",
      "timed",
    ]);
    const [overHls, classic, ...exact] = await Promise.all([
      // A busy machine can tell the page of a picture when the next is up.
      watch("hls", { allowed: 1 }),
      watchClassic(),
      watch("webtransport"),
      watch("websocket"),
      // With time for a machine that does all of this at once.
      watch("whep", { query: { latency: "300" } }),
    ]);
    const players = [...exact, overHls, classic];
    const recording = await record();
    await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
    await Promise.all([...players, recording].map(({ ready }) => ready()));

    let isOver = false;
    const looking = (async (): Promise<void> => {
      while (!isOver) {
        // They keep what they showed in the last eight seconds.
        for (const { look } of players) await look();
        await sleep(1_000);
      }
    })();
    const posted = await postRandomMessages(
      { seed: 500, count: COUNT, meanGapMs: 30 },
      { origin: stage.dev.origin, broadcast: DEMO_BROADCAST },
    );
    const lastUs = Math.max(...posted.map(({ at }) => at));
    await waitFor("the last picture", () => recorder.newestUs("video") > lastUs + 300_000);
    await Promise.all(
      [...players, recording].map(({ fires }) =>
        fires().catch(() => {
          // The table says what is missing.
        }),
      ),
    );
    // And a moment longer for what must not come.
    await sleep(1_000);
    isOver = true;
    await looking;
    recorder.close();
    // What is compared below has the machine's cores for itself: the pages are closed.
    const exactOnes = await Promise.all(exact.map(({ end }) => end()));
    const others = await Promise.all([overHls.end(), classic.end()]);

    const published = { posted, video: recorder.frames("video") };
    const file = join(folder, "video.h264");
    await expectInElementaryStream(published, file);
    expectOnTrack(recorder, posted);
    const source = await readSource(published.video, file);
    const outcomes: Outcome[] = [
      ...[...exactOnes, ...others].map(({ outcome }) => outcome(source)),
      ...(await recording.outcomes(source)),
    ];
    const meant = new Map(
      posted.map(({ id, at }) => [id, source.timesUs.findIndex((timeUs) => timeUs >= at)]),
    );
    const carriers = timedCarriers(posted, source.timesUs);
    const meantBySei = new Map([...carriers].map(([{ id }, [first = -1]]) => [id, first]));
    const lines = outcomes.map((outcome) => compare(outcome, outcome.bySei === true ? meantBySei : meant));
    print(lines);
    for (const { place, messages, twice, unknown, unplaced } of lines) {
      expect({ place, messages, twice, unknown }).toEqual({ place, messages: COUNT, twice: 0, unknown: 0 });
      expect(unplaced, place).toBeLessThan(MAX_UNPLACED);
    }
    for (const [index, { place, afterShown }] of lines.entries()) {
      const allowed = outcomes[index]?.allowed ?? 0;
      expect(
        afterShown.filter((pictures) => Math.abs(pictures) > allowed),
        place,
      ).toEqual([]);
    }
    for (const { last } of exactOnes) expectFired(last, published, source.numbers);
  }, 240_000);
});
