import { encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { ERROR_CODES, encodeFrame, type SubscribeResponder } from "@canopy/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BroadcastTracks } from "../../packages/player/src/upstream/moq/broadcast-tracks.ts";
import type { TrackKind } from "../../packages/player/src/upstream/upstream.ts";
import { createSessionPair, type SessionPair } from "./session-pair.ts";

const INFO = { priority: 60, ordered: false, maxLatencyMs: 2_000, timescale: 1_000_000 };
const CATALOG = encodeCatalog({
  audio: { renditions: { "audio/data": { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
});

let pair: SessionPair;
let tracks: BroadcastTracks;
let frames: [TrackKind, string][];
let failed: string[];

beforeEach(() => {
  vi.useFakeTimers();
  pair = createSessionPair("lite-05");
  frames = [];
  failed = [];
  tracks = new BroadcastTracks("live/test", false, {
    session: pair.client,
    sink: {
      onCatalog: () => tracks.select({ video: undefined, audio: "audio/data" }),
      onFrame: (kind: TrackKind, track: string) => frames.push([kind, track]),
      onGroupOpen: () => {},
      onGroupEnd: () => {},
      onTimed: () => {},
      onTimedReady: () => {},
    } as unknown as ConstructorParameters<typeof BroadcastTracks>[2]["sink"],
    onLoss: () => {},
    onGone: () => {},
    onFailed: (error) => failed.push(error.code),
  });
  run();
});
afterEach(() => {
  tracks.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Lets everything on the way arrive; who asks for the properties of a track is told them. */
function run(): void {
  pair.run();
  for (const request of pair.serverHandler.trackRequests.splice(0)) request.respond(INFO);
  pair.run();
}

function asked(track: string): SubscribeResponder[] {
  return pair.serverHandler.subscribes.filter((request) => request.track === track);
}

function send(request: SubscribeResponder | undefined, sequence: number, payload: Uint8Array): void {
  request?.accept(INFO);
  const group = request?.openGroup(sequence, 60);
  group?.writeFrame(encodeFrame(sequence, 0, payload));
  group?.finish();
  run();
}

describe("BroadcastTracks", () => {
  it("asks again for a track that the catalog names and that was refused, at longer and longer intervals", () => {
    send(asked("catalog.json")[0], 1, CATALOG);
    expect(asked("audio/data")).toHaveLength(1);
    const times: number[] = [];
    for (let ms = 0; ms < 16_000; ms += 50) {
      const last = asked("audio/data").length;
      asked("audio/data").at(-1)?.reject(ERROR_CODES.notFound);
      run();
      vi.advanceTimersByTime(50);
      run();
      if (asked("audio/data").length > last) times.push(ms + 50);
    }
    expect(times).toEqual([250, 750, 1_750, 3_750, 7_750, 11_750, 15_750]);
    expect(failed).toEqual([]);
  });

  it("goes on with a track that ended and is there again, and then waits as at first", () => {
    send(asked("catalog.json")[0], 1, CATALOG);
    for (let round = 1; round <= 5; round += 1) {
      const request = asked("audio/data").at(-1);
      send(request, round, encodeLegacyFrame(round, Uint8Array.of(1)));
      expect(frames).toHaveLength(round);
      request?.end(round);
      run();
      vi.advanceTimersByTime(250);
      run();
      expect(asked("audio/data")).toHaveLength(round + 1);
    }
  });

  it("does not ask again for what is not allowed, or not wanted any more", () => {
    send(asked("catalog.json")[0], 1, CATALOG);
    asked("audio/data")[0]?.reject(ERROR_CODES.notFound);
    run();
    tracks.select({ video: undefined, audio: undefined });
    vi.advanceTimersByTime(10_000);
    run();
    expect(asked("audio/data")).toHaveLength(1);
    tracks.select({ video: undefined, audio: "audio/data" });
    run();
    asked("audio/data")[1]?.reject(ERROR_CODES.unauthorized);
    run();
    vi.advanceTimersByTime(10_000);
    run();
    expect(asked("audio/data")).toHaveLength(2);
    expect(failed).toEqual(["unauthorized"]);
  });
});
