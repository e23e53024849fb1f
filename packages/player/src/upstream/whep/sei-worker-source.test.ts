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

/** The worker with a stream that the test feeds; frames are named by their RTP timestamps. */
function startGated() {
  const awaited: number[] = [];
  const self: { onrtctransform?: (event: object) => void; onmessage?: (event: object) => void } = {};
  const post = (message: { awaits?: number }): void => {
    if (message.awaits !== undefined) awaited.push(message.awaits);
  };
  new Function("self", "postMessage", SEI_WORKER_SOURCE)(self, post);
  const passed: number[] = [];
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const into = new WritableStream({
    write: (each: ReturnType<typeof frame>) => void passed.push(each.getMetadata().rtpTimestamp),
  });
  self.onrtctransform?.({ transformer: { readable, writable: into } });
  const say = async (data: object): Promise<void> => {
    self.onmessage?.({ data });
    await new Promise((resolve) => setTimeout(resolve));
  };
  const write = async (rtp: number, type: "key" | "delta" = "delta"): Promise<void> => {
    await writer.write({ ...frame(SLICE), type, getMetadata: () => ({ rtpTimestamp: rtp }) });
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { awaited, passed, say, write };
}

describe("SEI_WORKER_SOURCE with a gate", () => {
  it("keeps a keyframe and what follows it until the picture in front of it is told", async () => {
    const { awaited, passed, say, write } = startGated();
    await say({ isGated: true });
    await write(1, "key");
    await write(2);
    await write(3, "key");
    await write(4);
    expect(awaited).toEqual([2]);
    expect(passed).toEqual([1, 2]);
    await say({ release: 1 });
    expect(passed).toEqual([1, 2]);
    await write(5, "key");
    await say({ release: 2 });
    expect(passed).toEqual([1, 2, 3, 4]);
    expect(awaited).toEqual([2, 4]);
    await say({ release: 4 });
    await write(6);
    expect(passed).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("lets by what was sent again for the pictures in front, and a group that is sent once more", async () => {
    const { awaited, passed, say, write } = startGated();
    await say({ isGated: true });
    await write(2 ** 32 - 3, "key");
    await write(2 ** 32 - 1);
    await write(1, "key");
    await write(2 ** 32 - 2);
    expect(passed).toEqual([2 ** 32 - 3, 2 ** 32 - 1, 2 ** 32 - 2]);
    await say({ release: 2 ** 32 - 1 });
    await write(2 ** 32 - 3, "key");
    expect(passed.slice(3)).toEqual([1, 2 ** 32 - 3]);
    expect(awaited).toEqual([2 ** 32 - 1]);
  });

  it("keeps a bounded number, and none when nobody reads pictures any more", async () => {
    const { passed, say, write } = startGated();
    await say({ isGated: true });
    await write(1, "key");
    for (let rtp = 2; rtp <= 91; rtp += 1) await write(rtp, rtp === 2 ? "key" : "delta");
    expect(passed).toHaveLength(91);
    await write(92, "key");
    await write(93, "key");
    expect(passed).toHaveLength(91);
    await say({ isGated: false });
    expect(passed).toHaveLength(93);
    await write(94, "key");
    expect(passed).toHaveLength(94);
  });
});
