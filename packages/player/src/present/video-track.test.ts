import { describe, expect, it } from "vitest";
import type { PlayerError } from "../player-error.ts";
import { useVideoDecoder } from "./video-decoder-suite.ts";
import { VideoTrack } from "./video-track.ts";

/** As a browser's: a first chunk that is no keyframe, whatever it says of itself, is refused by an exception. */
class StrictDecoder {
  static readonly made: StrictDecoder[] = [];
  state = "unconfigured";
  decodeQueueSize = 0;
  readonly decoded: number[] = [];

  constructor() {
    StrictDecoder.made.push(this);
  }

  configure(): void {
    this.state = "configured";
  }

  decode({ timestamp, data }: { readonly timestamp: number; readonly data: Uint8Array }): void {
    if (this.state === "closed") throw new DOMException("closed", "InvalidStateError");
    const isKey = data[0] === 1;
    if (this.decoded.length === 0 && !isKey) throw new DOMException("a key frame is required", "DataError");
    this.decoded.push(timestamp);
  }

  close(): void {
    this.state = "closed";
  }
}

useVideoDecoder(StrictDecoder);

function open() {
  const errors: PlayerError[] = [];
  const track = new VideoTrack(
    { name: "video", config: { codec: "avc1.42c01f" } },
    { onDecoded: () => {}, eventUs: () => Number.POSITIVE_INFINITY, onError: (error) => errors.push(error) },
  );
  const push = (sequence: number, timestampUs: number, isKeyframe: boolean) =>
    track.buffer.push(sequence, {
      timestampUs,
      payload: Uint8Array.of(isKeyframe ? 1 : 0),
      isKey: true,
    });
  return { track, errors, push };
}

describe("VideoTrack", () => {
  it("goes on with the next group after one that does not begin with a keyframe", () => {
    const { track, errors, push } = open();
    push(1, 0, false);
    track.buffer.endGroup(1);
    push(2, 33_333, true);
    track.feed(0);
    expect(errors.map(({ code }) => code)).toEqual(["decode"]);
    expect(StrictDecoder.made.map(({ state, decoded }) => [state, decoded])).toEqual([
      ["closed", []],
      ["configured", [33_333]],
    ]);
  });

  it("gives a rendition up whose groups never begin with one", () => {
    const { track, errors, push } = open();
    for (let sequence = 1; sequence <= 6; sequence += 1) {
      push(sequence, sequence * 33_333, false);
      track.buffer.endGroup(sequence);
    }
    track.feed(0);
    expect(errors.map(({ code }) => code)).toEqual(["decode", "decode", "decode", "decode", "codec"]);
  });
});
