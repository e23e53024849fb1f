import { describe, expect, it } from "vitest";
import { Playback } from "./playback.ts";
import { useVideoDecoder } from "./video-decoder-suite.ts";

const PICTURE_US = 33_333;
const GROUP_PICTURES = 4;

/** Gives a picture for every chunk at once. */
class InstantDecoder {
  static readonly made: InstantDecoder[] = [];
  state = "unconfigured";
  readonly decodeQueueSize = 0;
  codedWidth = 0;
  readonly #output: (frame: VideoFrame) => void;

  constructor({ output }: VideoDecoderInit) {
    this.#output = output;
    InstantDecoder.made.push(this);
  }

  configure({ codedWidth }: VideoDecoderConfig): void {
    this.state = "configured";
    this.codedWidth = codedWidth ?? 0;
  }

  decode({ timestamp }: { readonly timestamp: number }): void {
    const frame = { timestamp, displayWidth: this.codedWidth, close: () => {} };
    queueMicrotask(() => this.#output(frame as unknown as VideoFrame));
  }

  close(): void {
    this.state = "closed";
  }
}

useVideoDecoder(InstantDecoder);

function open() {
  let nowUs = 0;
  let tick = (): void => {};
  const painted: [timestampUs: number, width: number][] = [];
  const playback = new Playback(
    { latencyUs: 0, isSync: false, isMuted: true, volume: 1 },
    {
      clock: { nowUs: () => nowUs },
      scheduler: {
        start: (callback) => {
          tick = callback;
        },
        stop: () => {},
      },
      painter: { paint: ({ timestamp, displayWidth }) => painted.push([timestamp, displayWidth]) },
      onPresented: () => {},
      onPainted: () => {},
      onTimed: () => {},
      onPresenting: () => {},
      onStarved: () => {},
      onError: (error) => expect.fail(error.message),
      onSoundChange: () => {},
    },
  );
  const configure = (codedWidth: number): void =>
    playback.setVideo("video", { codec: "avc1.42c01f", codedWidth });
  /** One picture comes, and all that is due is shown. */
  const receive = async (picture: number): Promise<void> => {
    nowUs = picture * PICTURE_US;
    const sequence = Math.floor(picture / GROUP_PICTURES);
    const isKey = picture % GROUP_PICTURES === 0;
    if (isKey && sequence > 0) playback.onGroupEnd("video", "video", sequence - 1, false);
    if (isKey) playback.onGroupOpen("video", "video", sequence);
    const payload = Uint8Array.of(isKey ? 1 : 0);
    playback.onFrame("video", "video", sequence, { timestampUs: nowUs, payload, isKey });
    await Promise.resolve();
    nowUs += PICTURE_US - 1;
    tick();
  };
  /** The width at which the picture was shown; undefined: never. */
  const widthOf = (picture: number): number | undefined =>
    painted.find(([timestampUs]) => timestampUs === picture * PICTURE_US)?.[1];
  return { playback, configure, receive, widthOf };
}

describe("Playback", () => {
  it.each([
    ["before", GROUP_PICTURES, GROUP_PICTURES],
    ["after", GROUP_PICTURES + 1, 2 * GROUP_PICTURES],
  ])(
    "shows every picture where the catalog of a new size comes %s its keyframe",
    async (_when, catalogAt, firstOfNext) => {
      const { playback, configure, receive, widthOf } = open();
      configure(320);
      for (let picture = 0; picture < 3 * GROUP_PICTURES; picture += 1) {
        if (picture === catalogAt) configure(640);
        await receive(picture);
      }
      const widths = Array.from({ length: 3 * GROUP_PICTURES - 1 }, (_, picture) => widthOf(picture));
      expect(widths).toEqual(widths.map((_, picture) => (picture < firstOfNext ? 320 : 640)));
      playback.close();
    },
  );
});
