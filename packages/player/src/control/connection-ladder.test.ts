import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayerError } from "../player-error.ts";
import type { TransportName, UpstreamFactory, UpstreamRequest, UpstreamSink } from "../upstream/upstream.ts";
import { Connection } from "./connection.ts";

const KEY = { timestampUs: 1, payload: new Uint8Array(1), isKey: true };
const DELTA = { ...KEY, isKey: false };
const ELEMENT_FRAME = { timestampUs: 1, presentedAtUs: 1, width: 2, height: 2 };
const IN_ELEMENT: readonly TransportName[] = ["whep", "hls"];

interface Opened {
  readonly transport: TransportName;
  readonly request: UpstreamRequest;
  readonly sink: UpstreamSink;
  isClosed: boolean;
  selected: number;
}

let opened: Opened[];
/** Transports that do not get through. */
let blocked: Set<TransportName>;
let answers: boolean;
let told: string[];
let connection: Connection;

beforeEach(() => {
  vi.useFakeTimers();
  opened = [];
  blocked = new Set();
  answers = true;
  told = [];
});
afterEach(() => {
  connection.close();
  expect(opened.filter(({ isClosed }) => !isClosed)).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function factoryOf(transport: TransportName): UpstreamFactory {
  return {
    transport,
    inElement: IN_ELEMENT.includes(transport),
    unsupportedReason: () => undefined,
    open: (request, sink) => {
      const entry: Opened = { transport, request, sink, isClosed: false, selected: 0 };
      opened.push(entry);
      setTimeout(() => {
        if (!entry.isClosed && !blocked.has(transport)) sink.onConnected(request.src);
      }, 50);
      return {
        transport,
        select: () => {
          entry.selected += 1;
        },
        stats: () => ({ rttMs: 0, receivedBytes: 0, lostPackets: 0, lostGroups: 0 }),
        ...(IN_ELEMENT.includes(transport) ? {} : { probe: (onAnswer) => probe(onAnswer) }),
        close: () => {
          entry.isClosed = true;
        },
      };
    },
  };
}

function probe(onAnswer: () => void): () => void {
  const timer = setTimeout(() => answers && onAnswer(), 20);
  return () => clearTimeout(timer);
}

/** What is in the page; a copy of it is another object. */
const pageElement = { cloneNode: () => ({ muted: false }) } as unknown as HTMLVideoElement;

function play(transports: readonly TransportName[]): void {
  connection = new Connection(
    {
      sources: ["https://a/"],
      factories: transports.map(factoryOf),
      request: {
        broadcast: "live",
        token: undefined,
        isSync: false,
        latencyMs: 100,
        mediaElement: pageElement,
        canPaint: false,
      },
    },
    {
      clock: { nowUs: () => Date.now() * 1_000 },
      fetch: () => Promise.reject(new TypeError("no time here")),
      random: () => 0.5,
      memory: { recall: () => undefined, remember: () => {} },
      sink: {
        onCatalog: () => connection.select({ video: "video", audio: undefined }),
        onGroupOpen: (_kind, _track, sequence) => told.push(`group ${sequence}`),
        onFrame: (_kind, _track, sequence) => told.push(`frame ${sequence}`),
        onGroupEnd: () => {},
        onDecodedFrame: () => {},
        onElementSound: () => {},
        onElementFrame: () => told.push("element frame"),
        onElementTime: () => {},
        onElementReset: () => {},
        onElementSoundBlocked: () => {},
        onTimed: (message) => told.push(message.id),
        onAnnounced: () => {},
        onEnded: () => {},
      },
      onTransport: (transport) => told.push(transport),
      onClockOffset: () => {},
      targetLatencyMs: () => 100,
      onLost: () => {},
      onFailed: (error) => told.push(`failed: ${error.message}`),
    },
  );
}

const last = (transport: TransportName): Opened => {
  const found = opened.findLast((entry) => entry.transport === transport);
  if (found === undefined) throw new Error(`${transport} was not opened`);
  return found;
};

/** The transport brings pictures for so long, at ten a second. */
async function brings(transport: TransportName, ms: number, then = () => {}): Promise<void> {
  const { sink } = last(transport);
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    await vi.advanceTimersByTimeAsync(100);
    if (IN_ELEMENT.includes(transport)) sink.onElementFrame(ELEMENT_FRAME);
    else sink.onFrame("video", "video", 1, KEY);
    connection.onMedia();
    then();
  }
}

async function begin(transports: readonly TransportName[]): Promise<void> {
  play(transports);
  await vi.advanceTimersByTimeAsync(60);
  const [first] = transports;
  if (first === undefined) return;
  if (!IN_ELEMENT.includes(first)) last(first).sink.onCatalog({});
  await brings(first, 3_000);
  told = [];
}

const transportsOpened = (): TransportName[] => opened.map(({ transport }) => transport);

describe("Connection over several transports", () => {
  it("dials the next way beside one that does not get up, and takes whichever brings media first", async () => {
    blocked.add("webtransport");
    play(["webtransport", "whep", "hls"]);
    await vi.advanceTimersByTimeAsync(2_900);
    expect(transportsOpened()).toEqual(["webtransport"]);
    await vi.advanceTimersByTimeAsync(200);
    expect(transportsOpened()).toEqual(["webtransport", "whep"]);
    expect(last("webtransport").isClosed).toBe(false);
    // WHEP does not get through either; HLS is the last that is left.
    await vi.advanceTimersByTimeAsync(2_500);
    expect(transportsOpened()).toEqual(["webtransport", "whep", "hls"]);
    last("hls").sink.onElementFrame(ELEMENT_FRAME);
    expect(told).toEqual(["hls", "element frame"]);
    expect(last("webtransport").isClosed).toBe(true);
    expect(connection.reason).toContain("webtransport");
    await brings("hls", 1_000);
  });

  it("drops the other way again if media comes after all", async () => {
    blocked.add("webtransport");
    play(["webtransport", "hls"]);
    await vi.advanceTimersByTimeAsync(3_100);
    blocked.clear();
    last("webtransport").sink.onConnected("https://a/");
    await brings("webtransport", 300);
    expect(last("hls").isClosed).toBe(true);
    expect(connection.reason).toBeUndefined();
  });

  it("goes down after three stalls without a gap between the two, and with the messages of both", async () => {
    await begin(["webtransport", "hls"]);
    for (let stall = 0; stall < 3; stall += 1) {
      connection.onStarved();
      await brings("webtransport", 3_000);
    }
    expect(transportsOpened()).toEqual(["webtransport", "hls"]);
    expect(last("webtransport").isClosed).toBe(false);
    told = [];
    last("hls").sink.onTimed({ v: 1, id: "m1", type: "cue", at: 1, data: null }, "hls");
    last("hls").sink.onElementFrame(ELEMENT_FRAME);
    expect(told).toEqual(["m1", "hls", "element frame"]);
    expect(last("webtransport").isClosed).toBe(true);
    expect(connection.reason).toBe("webtransport stalled three times in 30 s");
    expect(connection.reconnects).toBe(0);
  });

  it("goes up again when the better way has proved itself beside the one in use", async () => {
    await begin(["webtransport", "hls"]);
    answers = false;
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(1_600);
    last("hls").sink.onElementFrame(ELEMENT_FRAME);
    const before = opened.length;
    await brings("hls", 14_000);
    expect(opened).toHaveLength(before);
    await brings("hls", 1_500);
    const better = last("webtransport");
    expect(better.isClosed).toBe(false);
    better.sink.onCatalog({});
    expect(better.selected).toBe(1);
    told = [];
    await brings("hls", 2_900, () => better.sink.onFrame("video", "video", 4, DELTA));
    expect(told.filter((event) => event !== "element frame")).toEqual([]);
    await brings("hls", 400, () => better.sink.onFrame("video", "video", 4, DELTA));
    expect(last("hls").isClosed).toBe(false);
    told = [];
    better.sink.onGroupOpen("video", "video", 5);
    better.sink.onFrame("video", "video", 5, KEY);
    better.sink.onFrame("video", "video", 5, DELTA);
    expect(told).toEqual(["webtransport", "group 5", "frame 5", "frame 5"]);
    expect(last("hls").isClosed).toBe(true);
    expect(connection.reason).toBe("webtransport carries the stream again");
  });

  it("counts a session whose edge was silent as opened again, not one that is left for a better way", async () => {
    await begin(["webtransport", "hls"]);
    answers = false;
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(1_600);
    expect(connection.reconnects).toBe(0);
    last("hls").sink.onElementFrame(ELEMENT_FRAME);
    expect(connection.reconnects).toBe(1);
    await brings("hls", 15_500);
    const better = last("webtransport");
    better.sink.onCatalog({});
    await brings("hls", 3_300, () => better.sink.onFrame("video", "video", 4, DELTA));
    better.sink.onFrame("video", "video", 5, KEY);
    expect(last("hls").isClosed).toBe(true);
    expect(connection.reconnects).toBe(1);
  });

  it("counts one that is lost while another way is being tried", async () => {
    await begin(["webtransport", "hls"]);
    for (let stall = 0; stall < 3; stall += 1) {
      connection.onStarved();
      await brings("webtransport", 3_000);
    }
    last("webtransport").sink.onClosed(new PlayerError("unreachable", "gone"));
    last("webtransport").isClosed = true;
    expect(connection.reconnects).toBe(1);
    await vi.advanceTimersByTimeAsync(60);
    await brings("hls", 500);
    expect(connection.reconnects).toBe(1);
  });

  it("does not go up to a way that comes with pauses, and waits longer each time", async () => {
    await begin(["webtransport", "hls"]);
    last("webtransport").sink.onClosed(new PlayerError("unreachable", "gone"));
    last("webtransport").isClosed = true;
    blocked.add("webtransport");
    await vi.advanceTimersByTimeAsync(300);
    last("webtransport").sink.onClosed(new PlayerError("unreachable", "refused"));
    last("webtransport").isClosed = true;
    await vi.advanceTimersByTimeAsync(60);
    await brings("hls", 100);
    const attempts = (): number => opened.filter(({ transport }) => transport === "webtransport").length;
    const before = attempts();
    const starts: number[] = [];
    for (let second = 0; second < 200; second += 1) {
      const count = attempts();
      await brings("hls", 1_000);
      if (attempts() > count) starts.push(second);
    }
    expect(attempts() - before).toBeLessThanOrEqual(4);
    const pauses = starts.slice(1).map((second, index) => second - (starts[index] ?? 0));
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(last("hls").isClosed).toBe(false);
  });

  it("tries a way into the page's one element in another one first", async () => {
    await begin(["whep", "hls"]);
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(1_600);
    const trial = last("hls");
    expect(trial.request.mediaElement).not.toBe(pageElement);
    expect(trial.request.mediaElement?.muted).toBe(true);
    expect(last("whep").isClosed).toBe(false);
    trial.sink.onElementFrame(ELEMENT_FRAME);
    expect([trial.isClosed, last("whep").isClosed]).toEqual([true, true]);
    expect(last("hls").request.mediaElement).toBe(pageElement);
    await vi.advanceTimersByTimeAsync(60);
    await brings("hls", 500);
    expect(told).toContain("hls");
  });

  it("leaves a broadcast that has ended where it is", async () => {
    await begin(["webtransport", "hls"]);
    last("webtransport").sink.onEnded();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(transportsOpened()).toEqual(["webtransport"]);
  });

  it("stays while the edge answers and its publisher pauses", async () => {
    await begin(["webtransport", "hls"]);
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(transportsOpened()).toEqual(["webtransport"]);
  });

  it("leaves a way whose catalog this browser cannot decode, and does not come back to it", async () => {
    play(["webtransport", "hls"]);
    await vi.advanceTimersByTimeAsync(60);
    connection.onUnplayable(new PlayerError("codec", "no decoder"));
    await vi.advanceTimersByTimeAsync(60);
    await brings("hls", 60_000);
    expect(transportsOpened()).toEqual(["webtransport", "hls"]);
    expect(connection.reason).toBe("no decoder");
  });
});
