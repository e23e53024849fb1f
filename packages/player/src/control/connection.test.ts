import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayerError } from "../player-error.ts";
import type { TransportName, UpstreamFactory, UpstreamSink } from "../upstream/upstream.ts";
import { Connection } from "./connection.ts";

const MESSAGE = { v: 1, id: "", type: "cue", at: 1, data: null } as const;
const FRAME = { timestampUs: 1, payload: new Uint8Array(1), isKey: true };

interface Opened {
  readonly src: string;
  readonly sink: UpstreamSink;
  closed: boolean;
}

let opened: Opened[];
let asked: string[];
/** Edges whose process is gone. */
let dead: Set<string>;
/** How long edges take to answer. */
let answerMs: number;
let lost: string[];
let frames: string[];
let messages: string[];
let connection: Connection;
let remembered: TransportName | undefined;
let winners: TransportName[];
/** Transports whose packets the network swallows. */
let swallowed: Set<TransportName>;
/** Edges that are gone with their machine: nothing comes back. */
let gone: Set<string>;
/** The edges tell what time it is, at once. */
let timeAnswers: boolean;
/** Transports in the order in which they came into use. */
let used: TransportName[];
/** What the page does when it hears that a session is lost. */
let whenLost: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  opened = [];
  asked = [];
  dead = new Set();
  answerMs = 30;
  lost = [];
  frames = [];
  messages = [];
  remembered = undefined;
  winners = [];
  swallowed = new Set();
  gone = new Set();
  timeAnswers = false;
  used = [];
  whenLost = () => {};
});
afterEach(() => {
  connection.close();
  expect(opened.every(({ closed }) => closed)).toBe(true);
  vi.useRealTimers();
});

function factoryOf(transport: TransportName): UpstreamFactory {
  return {
    transport,
    unsupportedReason: () => undefined,
    open: ({ src }, sink) => {
      const entry: Opened = { src, sink, closed: false };
      opened.push(entry);
      const { hostname } = new URL(src);
      setTimeout(() => {
        if (entry.closed || swallowed.has(transport) || gone.has(hostname)) return;
        if (!dead.has(hostname)) {
          sink.onConnected(src);
          return;
        }
        entry.closed = true;
        sink.onClosed(new PlayerError("unreachable", "refused"));
      }, 50);
      return {
        transport,
        select: () => {},
        stats: () => ({ rttMs: 0, receivedBytes: 0, lostPackets: 0, lostGroups: 0 }),
        ...(transport === "webtransport" ? { probe: (onAnswer) => answer(hostname, entry, onAnswer) } : {}),
        close: () => {
          entry.closed = true;
        },
      };
    },
  };
}

/** A living edge answers on the session, in its time. */
function answer(hostname: string, entry: Opened, onAnswer: () => void): () => void {
  asked.push(hostname);
  const timer = setTimeout(() => {
    if (!entry.closed && !dead.has(hostname)) onAnswer();
  }, answerMs);
  return () => clearTimeout(timer);
}

async function play(sources: string[], transport: TransportName = "webtransport"): Promise<Opened> {
  connect(sources, [transport]);
  await vi.advanceTimersByTimeAsync(100);
  const [first] = opened;
  if (first === undefined) throw new Error("nothing was opened");
  first.sink.onFrame("video", "video", 1, FRAME);
  connection.onMedia();
  frames = [];
  return first;
}

function connect(
  sources: string[],
  transports: TransportName[],
  locate?: () => Promise<readonly string[]>,
): void {
  connection = new Connection(
    {
      sources: sources.map((host) => `https://${host}/`),
      factories: transports.map(factoryOf),
      request: {
        broadcast: "live",
        token: undefined,
        isSync: false,
        latencyMs: 100,
        mediaElement: undefined,
        canPaint: false,
      },
    },
    {
      clock: { nowUs: () => Date.now() * 1_000 },
      fetch: () =>
        timeAnswers
          ? Promise.resolve(Response.json({ unixMicros: Date.now() * 1_000 }))
          : Promise.reject(new TypeError("no time here")),
      random: () => 0.5,
      locate,
      memory: { recall: () => remembered, remember: (_src, transport) => winners.push(transport) },
      sink: {
        onCatalog: () => {},
        onGroupOpen: (_kind, _track, sequence) => frames.push(`group ${sequence}`),
        onFrame: (_kind, _track, sequence) => frames.push(`frame ${sequence}`),
        onGroupEnd: () => {},
        onDecodedFrame: () => {},
        onElementSound: () => {},
        onElementFrame: () => {},
        onElementTime: () => {},
        onElementReset: () => {},
        onElementSoundBlocked: () => {},
        onTimed: ({ id }) => messages.push(id),
        onAnnounced: () => {},
        onEnded: () => {},
      },
      onTransport: (name) => used.push(name),
      onClockOffset: () => {},
      targetLatencyMs: () => 100,
      onLost: (error) => {
        lost.push(error.message);
        whenLost();
      },
      onFailed: () => {},
    },
  );
}

describe("Connection", () => {
  it("asks where to go before it goes there, and again when nobody of the answer is left", async () => {
    const answers = [["a", "b"], ["c"]];
    connect(["spare"], ["webtransport"], () =>
      Promise.resolve((answers.shift() ?? []).map((host) => `https://${host}/`)),
    );
    dead = new Set(["a", "b"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/", "https://c/"]);
    expect(answers).toEqual([]);
  });

  it("asks anew whom to fall back to once it is at another edge, and keeps to that one", async () => {
    const answers = [
      ["a", "b"],
      ["c", "b", "d"],
    ];
    connect(["spare"], ["webtransport"], () =>
      Promise.resolve((answers.shift() ?? []).map((host) => `https://${host}/`)),
    );
    await vi.advanceTimersByTimeAsync(100);
    opened[0]?.sink.onFrame("video", "video", 1, FRAME);
    connection.onMedia();
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(549);
    opened[1]?.sink.onFrame("video", "video", 2, FRAME);
    connection.onMedia();
    expect([connection.src, answers.length]).toEqual(["https://b/", 1]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([connection.src, answers.length]).toEqual(["https://b/", 0]);
    opened[1]?.sink.onFrame("video", "video", 3, FRAME);
    await vi.advanceTimersByTimeAsync(100);
    connection.onMedia();
    dead.add("b");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(549);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/", "https://c/"]);
  });

  it("keeps to the edges that it knows while no locator answers, and to those of the page before it knows any", async () => {
    const failing = () => Promise.reject(new PlayerError("unreachable", "no locator"));
    connect(["spare"], ["webtransport"], failing);
    await vi.advanceTimersByTimeAsync(100);
    expect(opened.map(({ src }) => src)).toEqual(["https://spare/"]);
    connection.close();
    connect([], ["webtransport"], failing);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened).toHaveLength(1);
    expect(lost.slice(0, 2)).toEqual(["no locator", "no locator"]);
  });

  it("dials the next edge when its own answers no more, and goes over with the first frame", async () => {
    const first = await play(["a", "b"]);
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(449);
    expect(opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
    expect([connection.src, first.closed, lost]).toEqual(["https://a/", false, []]);
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    expect(frames).toEqual(["group 7", "frame 7"]);
    expect([connection.src, first.closed, connection.reconnects]).toEqual(["https://b/", false, 1]);
    expect(lost).toEqual(["the edge does not answer"]);
    first.sink.onTimed({ ...MESSAGE, id: "late" }, "track");
    expect(messages).toEqual(["late"]);
    // What was on its way from there has had its time, and the watchdog that ran for it does not end the new one.
    await vi.advanceTimersByTimeAsync(5_950);
    expect(first.closed).toBe(true);
    expect(opened).toHaveLength(2);
    expect(opened[1]?.closed).toBe(false);
  });

  it("goes where an edge that leaves sends it, and takes the rest of what that had begun: no frame is missing or twice", async () => {
    const first = await play(["a", "b"]);
    connection.select({ video: "video", audio: "audio" });
    first.sink.onGroupOpen("audio", "audio", 10);
    first.sink.onMove("https://c/");
    const second = opened[1];
    await vi.advanceTimersByTimeAsync(100);
    expect([second?.src, connection.src, first.closed]).toEqual(["https://c/", "https://a/", false]);
    second?.sink.onTimed({ ...MESSAGE, id: "before" }, "track");
    second?.sink.onTimedReady();
    frames = [];
    // The other edge is ahead by one group of pictures, and level with the sound.
    second?.sink.onGroupOpen("video", "video", 2);
    second?.sink.onGroupOpen("audio", "audio", 10);
    second?.sink.onFrame("video", "video", 2, FRAME);
    expect([connection.src, first.closed, connection.moves]).toEqual(["https://c/", false, 1]);
    expect(frames).toEqual(["group 2", "group 10", "frame 2"]);
    first.sink.onFrame("audio", "audio", 10, FRAME);
    first.sink.onFrame("video", "video", 1, FRAME);
    second?.sink.onFrame("audio", "audio", 10, FRAME);
    // From here on the sound is the other edge's matter, as are its pictures.
    first.sink.onFrame("audio", "audio", 10, FRAME);
    first.sink.onGroupOpen("video", "video", 2);
    first.sink.onFrame("video", "video", 2, FRAME);
    expect(first.closed).toBe(false);
    first.sink.onTimed({ ...MESSAGE, id: "of the old one" }, "track");
    second?.sink.onTimed({ ...MESSAGE, id: "of the new one" }, "track");
    expect(messages).toEqual(["before", "of the old one", "of the new one"]);
    first.sink.onGroupEnd("video", "video", 1, false);
    expect(frames.slice(3)).toEqual(["frame 10", "frame 1", "frame 10"]);
    await vi.advanceTimersByTimeAsync(500);
    expect(first.closed).toBe(true);
    expect([lost, connection.reconnects]).toEqual([[], 0]);
  });

  it("does not follow edges that send it to and fro, but goes back to one that was started anew", async () => {
    await play(["d"]);
    opened[0]?.sink.onMove("https://c/");
    await vi.advanceTimersByTimeAsync(100);
    opened[1]?.sink.onFrame("video", "video", 2, FRAME);
    opened[1]?.sink.onMove("https://d/");
    await vi.advanceTimersByTimeAsync(100);
    expect([connection.src, connection.refusedMoves]).toEqual(["https://c/", 1]);
    opened[2]?.sink.onFrame("video", "video", 3, FRAME);
    expect([connection.src, connection.moves]).toEqual(["https://d/", 2]);
    await vi.advanceTimersByTimeAsync(11_000);
    opened.at(-1)?.sink.onMove("https://c/");
    await vi.advanceTimersByTimeAsync(100);
    expect([opened.at(-1)?.src, connection.refusedMoves]).toEqual(["https://c/", 1]);
  });

  it("is sent on by an edge that it has not gone over to yet, and takes the rest of both that it leaves", async () => {
    const first = await play(["a"]);
    connection.select({ video: "video", audio: undefined });
    first.sink.onMove("https://b/");
    await vi.advanceTimersByTimeAsync(100);
    const second = opened[1];
    second?.sink.onMove("https://c/");
    expect(opened).toHaveLength(2);
    second?.sink.onFrame("video", "video", 2, FRAME);
    expect([connection.src, connection.moves]).toEqual(["https://b/", 1]);
    await vi.advanceTimersByTimeAsync(100);
    const third = opened[2];
    third?.sink.onFrame("video", "video", 3, FRAME);
    expect([connection.src, connection.moves]).toEqual(["https://c/", 2]);
    first.sink.onTimed({ ...MESSAGE, id: "of a" }, "track", 1);
    expect(messages).toEqual(["of a"]);
    first.sink.onGroupEnd("video", "video", 1, false);
    second?.sink.onGroupEnd("video", "video", 2, false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened.map(({ closed }) => closed)).toEqual([false, false, false]);
    second?.sink.onTimedReady();
    third?.sink.onTimedReady();
    await vi.advanceTimersByTimeAsync(500);
    expect(opened.map(({ closed }) => closed)).toEqual([true, true, false]);
  });

  it("leaves nothing open if the page closes it when it hears that an edge was lost", async () => {
    await play(["a", "b"]);
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(549);
    whenLost = () => connection.close();
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    expect(lost).toEqual(["the edge does not answer"]);
    expect(opened.map(({ closed }) => closed)).toEqual([true, true]);
    expect(frames).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits no longer than two seconds for the rest", async () => {
    const first = await play(["a"]);
    connection.select({ video: "video", audio: undefined });
    first.sink.onMove("https://c/");
    await vi.advanceTimersByTimeAsync(100);
    opened[1]?.sink.onTimedReady();
    opened[1]?.sink.onFrame("video", "video", 2, FRAME);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(first.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(first.closed).toBe(true);
  });

  it.each([
    "http://c/",
    "nowhere:1",
    "https://user:secret@c/",
    `https://c/${"x".repeat(3_000)}`,
    "https://a/",
  ])("makes its own choice when an edge that leaves names %s", async (to) => {
    const first = await play(["a", "b"]);
    first.sink.onMove(to);
    await vi.advanceTimersByTimeAsync(100);
    expect(opened[1]?.src).toBe("https://b/");
    opened[1]?.sink.onFrame("video", "video", 2, FRAME);
    expect([connection.src, connection.moves]).toEqual(["https://b/", 1]);
    expect(connection.refusedMoves).toBe(to === "https://a/" ? 0 : 1);
  });

  it("tries its own list, round after round, when nobody is where an edge sends it; the session in use stays", async () => {
    dead = new Set(["b", "c"]);
    const first = await play(["a", "b"]);
    dead.add("a");
    first.sink.onMove("https://c/");
    await vi.advanceTimersByTimeAsync(1_500);
    expect(opened.slice(1, 6).map(({ src }) => new URL(src).hostname)).toEqual(["c", "b", "a", "b", "a"]);
    expect([connection.src, first.closed, lost]).toEqual(["https://a/", false, []]);
    dead.delete("b");
    await vi.advanceTimersByTimeAsync(1_500);
    opened.at(-1)?.sink.onFrame("video", "video", 2, FRAME);
    expect(connection.src).toBe("https://b/");
  });

  it("goes on there when the edge does not wait until it has moved", async () => {
    const first = await play(["a", "b"]);
    first.sink.onMove("https://c/");
    first.closed = true;
    first.sink.onClosed(new PlayerError("unreachable", "closed"));
    await vi.advanceTimersByTimeAsync(100);
    expect([connection.src, opened.at(-1)?.src]).toEqual(["https://c/", "https://c/"]);
  });

  it("stays with an edge that answers while its publisher pauses, and asks once a second", async () => {
    await play(["a", "b"]);
    connection.onStarved();
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(3_500);
    expect(opened).toHaveLength(1);
    expect(asked).toEqual(["a", "a", "a", "a"]);
    for (let sequence = 2; sequence < 100; sequence += 1) {
      opened[0]?.sink.onFrame("video", "video", sequence, FRAME);
      connection.onMedia();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked).toHaveLength(4);
    expect(opened).toHaveLength(1);
  });

  it("drops the other session if media comes again after a path was held up, and has lost nothing", async () => {
    const first = await play(["a", "b"]);
    answerMs = 1_000;
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(500);
    first.sink.onFrame("video", "video", 2, FRAME);
    connection.onMedia();
    expect(opened.map(({ closed }) => closed)).toEqual([false, true]);
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    expect(frames).toEqual(["frame 2"]);
    expect([connection.src, connection.reconnects, lost]).toEqual(["https://a/", 0, []]);
  });

  it("stays with an edge that answers late while its publisher pauses", async () => {
    await play(["a", "b"]);
    answerMs = 490;
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(480);
    expect(opened.map(({ closed }) => closed)).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(20);
    expect(opened.map(({ closed }) => closed)).toEqual([false, true]);
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    expect([connection.src, connection.reconnects, lost]).toEqual(["https://a/", 0, []]);
    // It is asked again, and not believed for ever.
    dead.add("a");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened.map(({ src, closed }) => [src, closed])).toEqual([
      ["https://a/", false],
      ["https://b/", true],
      ["https://b/", false],
    ]);
  });

  it("tries all edges in turn, its own as the last, until one lives", async () => {
    await play(["a", "b", "c"]);
    dead = new Set(["a", "b", "c"]);
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(900);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/", "https://c/", "https://a/"]);
    dead.delete("c");
    await vi.advanceTimersByTimeAsync(800);
    expect(opened.slice(4).map(({ src }) => src)).toEqual(["https://b/", "https://c/"]);
    opened[5]?.sink.onFrame("video", "video", 7, FRAME);
    expect(connection.src).toBe("https://c/");
  });

  it("looks for another edge while what has arrived is still being played", async () => {
    const first = await play(["a", "b"]);
    dead.add("a");
    const playing = setInterval(() => connection.onMedia(), 33);
    await vi.advanceTimersByTimeAsync(400 + 450 + 60);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
    opened[1]?.sink.onTimedReady();
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    expect(connection.src).toBe("https://b/");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(first.closed).toBe(true);
    clearInterval(playing);
  });

  it("waits no longer for an answer than a short path takes, once it knows that it is short", async () => {
    timeAnswers = true;
    await play(["a", "b"]);
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(210);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
  });

  it("goes on looking while a bad path lets a frame through now and then of which no picture comes", async () => {
    const first = await play(["a", "b"]);
    gone.add("b");
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(500);
    first.sink.onFrame("audio", "audio", 1, FRAME);
    await vi.advanceTimersByTimeAsync(100);
    expect(opened.map(({ closed }) => closed)).toEqual([false, false]);
  });

  it("asks nobody for frames of a broadcast that has ended", async () => {
    const first = await play(["a", "b"]);
    first.sink.onEnded();
    first.sink.onFrame("video", "video", 1, FRAME);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([asked, opened.length]).toEqual([[], 1]);
  });

  it("gives an edge that does not answer 300 ms to stand in for its own before the next is dialled beside it", async () => {
    await play(["a", "b", "c"]);
    dead.add("a");
    gone.add("b");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(740);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
    await vi.advanceTimersByTimeAsync(70);
    expect(opened.map(({ src, closed }) => [src, closed])).toEqual([
      ["https://a/", false],
      ["https://b/", false],
      ["https://c/", false],
    ]);
    opened[2]?.sink.onFrame("video", "video", 7, FRAME);
    expect(opened.map(({ closed }) => closed)).toEqual([false, true, false]);
    expect(connection.src).toBe("https://c/");
  });

  it("dials other edges beside one that does not answer the dial, the first time and later", async () => {
    gone.add("a");
    connect(["a", "b"], ["webtransport"]);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
    opened[1]?.sink.onTimedReady();
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    connection.onMedia();
    expect([connection.src, connection.reconnects]).toEqual(["https://b/", 0]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(opened[0]?.closed).toBe(true);
    gone.add("b");
    gone.delete("a");
    if (opened[1] !== undefined) opened[1].closed = true;
    opened[1]?.sink.onClosed(new PlayerError("unreachable", "connection lost"));
    await vi.advanceTimersByTimeAsync(60);
    expect([opened.at(-1)?.src, connection.reconnects]).toEqual(["https://a/", 1]);
  });

  it("asks the network for edges when the one that stands in does not come at once, and goes where it is sent", async () => {
    const answers = [["a", "b", "c"], ["d"]];
    connect([], ["webtransport"], () =>
      Promise.resolve((answers.shift() ?? []).map((host) => `https://${host}/`)),
    );
    await vi.advanceTimersByTimeAsync(100);
    opened[0]?.sink.onFrame("video", "video", 1, FRAME);
    connection.onMedia();
    gone = new Set(["a", "b", "c"]);
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(440);
    expect(answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(400);
    expect(opened.map(({ src }) => new URL(src).hostname)).toEqual(["a", "b", "c", "d"]);
    opened[3]?.sink.onFrame("video", "video", 7, FRAME);
    expect(connection.src).toBe("https://d/");
  });

  it("leaves a lost edge to the watchdog if the browser's own element plays", async () => {
    await play(["a", "b"], "whep");
    dead.add("a");
    connection.onStarved();
    await vi.advanceTimersByTimeAsync(5_900);
    expect(opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(opened.map(({ src }) => src)).toEqual(["https://a/", "https://b/"]);
  });
});

describe("the race of WebTransport and WebSocket", () => {
  const BOTH: TransportName[] = ["webtransport", "websocket", "whep"];

  it("is over before it starts where WebTransport has a session at once", async () => {
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened.length).toBe(1);
    expect(used).toEqual(["webtransport"]);
    expect(winners).toEqual(["webtransport"]);
    expect(connection.reason).toBeUndefined();
  });

  it("is won by the WebSocket where packets are swallowed, which is remembered", async () => {
    swallowed.add("webtransport");
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(250 + 60);
    expect(used).toEqual(["websocket"]);
    expect(winners).toEqual(["websocket"]);
    expect(opened.map(({ closed }) => closed)).toEqual([true, false]);
    expect(connection.reason).toContain("250 ms");
    opened[1]?.sink.onFrame("video", "video", 7, FRAME);
    opened[0]?.sink.onFrame("video", "video", 8, FRAME);
    expect(frames).toEqual(["frame 7"]);
  });

  it("has no head start where the WebSocket won lately", async () => {
    swallowed.add("webtransport");
    remembered = "websocket";
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(60);
    expect(used).toEqual(["websocket"]);
  });

  it("goes on with the WebSocket that is being dialled when WebTransport is refused", async () => {
    swallowed.add("websocket");
    swallowed.add("webtransport");
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(260);
    const [first, second] = opened;
    first?.sink.onClosed(new PlayerError("unreachable", "no WebTransport session"));
    expect(second?.closed).toBe(false);
    second?.sink.onConnected("https://a/");
    expect(used).toEqual(["websocket"]);
    expect(connection.reason).toBe("no WebTransport session");
  });

  it("keeps waiting for WebTransport when the WebSocket is refused", async () => {
    swallowed.add("webtransport");
    swallowed.add("websocket");
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(260);
    opened[1]?.sink.onClosed(new PlayerError("unreachable", "no upgrades here"));
    if (opened[1] !== undefined) opened[1].closed = true;
    opened[0]?.sink.onConnected("https://a/");
    expect(used).toEqual(["webtransport"]);
  });

  it("is run again after the winner was lost", async () => {
    swallowed.add("webtransport");
    connect(["a"], BOTH);
    await vi.advanceTimersByTimeAsync(310);
    swallowed.clear();
    const [, socket] = opened;
    if (socket !== undefined) socket.closed = true;
    socket?.sink.onClosed(new PlayerError("unreachable", "gone"));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(used).toEqual(["websocket", "webtransport"]);
  });
});
