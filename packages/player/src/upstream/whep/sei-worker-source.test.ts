import { encodeTimedMessage, encodeTimedSei, readTimedMessages } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { SEI_WORKER_SOURCE } from "./sei-worker-source.ts";

interface Posted {
  readonly rtp: number;
  readonly head: Uint8Array;
}

const SPS = [0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f];
const PPS = [0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
const SLICE = [0, 0, 1, 0x65, 1, 2, 3, 4, 5, 6, 0, 0, 1, 6, 7];
const MESSAGE = {
  v: 1,
  id: "01J",
  type: "quiz",
  at: 1_795_416_000_000_000,
  data: { zero: "\0\0\0\u0001" },
} as const;
const SEI = [0, 0, 0, 1, ...encodeTimedSei(encodeTimedMessage(MESSAGE))];

const frame = (...parts: (readonly number[] | Uint8Array)[]) => ({
  data: Uint8Array.from(parts.flatMap((part) => [...part])).buffer,
  getMetadata: () => ({ rtpTimestamp: 4_242 }),
});

/** Runs the worker's script on frames: what it tells the page, and how many frames it let through. */
async function run(frames: readonly ReturnType<typeof frame>[]) {
  const posted: (Posted | "ready")[] = [];
  const self: { onrtctransform?: (event: object) => void } = {};
  new Function("self", "postMessage", SEI_WORKER_SOURCE)(self, (message: Posted) => posted.push(message));
  const passed: object[] = [];
  await new Promise<void>((resolve) => {
    const transformer = {
      readable: new ReadableStream({
        start: (controller) => {
          for (const each of frames) controller.enqueue(each);
          controller.close();
        },
      }),
      writable: new WritableStream({ write: (each: object) => void passed.push(each), close: resolve }),
    };
    self.onrtctransform?.({ transformer });
  });
  return { posted: posted.filter((message) => message !== "ready"), isReady: posted[0] === "ready", passed };
}

describe("SEI_WORKER_SOURCE", () => {
  it("says that it is ready, passes all frames on in order, and tells of those with SEI", async () => {
    const frames = [frame(SPS, PPS, SEI, SLICE), frame(SLICE), frame(SEI, SLICE)];
    const { isReady, passed, posted } = await run(frames);
    expect(isReady).toBe(true);
    expect(passed).toEqual(frames);
    expect(posted.map(({ rtp }) => rtp)).toEqual([4_242, 4_242]);
    for (const { head } of posted) {
      expect(readTimedMessages(head).map(({ message }) => message)).toEqual([MESSAGE]);
    }
    expect(posted[0]?.head.length).toBe(SPS.length + PPS.length + SEI.length + 4);
  });

  it("looks at no more than the head of a frame, whatever it holds", async () => {
    const odd = [
      frame(SEI, new Uint8Array(40_000).fill(7)),
      frame(),
      frame([0, 0, 1]),
      frame(SPS, PPS, SLICE),
    ];
    const { passed, posted } = await run(odd);
    expect(passed).toHaveLength(4);
    expect(posted).toEqual([]);
  });
});
