import { describe, expect, it } from "vitest";
import { chooseProgram } from "./choose-program.ts";

const AAC = { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2, description: "1190" };
const OPUS = { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 };

describe("chooseProgram", () => {
  it("takes the H.264 of the highest bitrate and the publisher's AAC", () => {
    const program = chooseProgram({
      video: {
        renditions: {
          low: { codec: "avc1.42c01f", bitrate: 400_000 },
          high: { codec: "avc1.64001f", bitrate: 2_000_000 },
        },
      },
      audio: { renditions: { audio: AAC, "audio-opus": OPUS } },
      canopy: { timed: { track: "timed" }, bFrames: true },
    });
    expect(program).toMatchObject({
      video: { track: "high", codec: "avc1", bFrames: true },
      audio: { track: "audio", codec: "mp4a", config: Uint8Array.of(0x11, 0x90) },
      timedTrack: "timed",
      unsupported: [],
    });
  });

  it("prefers the bridge's AAC to the publisher's Opus, and takes Opus where there is none", () => {
    const bridged = chooseProgram({ audio: { renditions: { audio: OPUS, "audio-aac": AAC } } });
    expect(bridged.audio).toMatchObject({ track: "audio-aac", codec: "mp4a" });
    const alone = chooseProgram({ audio: { renditions: { audio: OPUS } } });
    expect(alone).toMatchObject({ audio: { track: "audio", codec: "Opus" }, video: undefined });
  });

  it("names the codecs of which nothing can be taken", () => {
    const program = chooseProgram({
      video: { renditions: { video: { codec: "av01.0.04M.08" } } },
      audio: { renditions: { audio: AAC } },
    });
    expect(program).toMatchObject({ video: undefined, unsupported: ["av01.0.04M.08"] });
  });

  it("leaves out what is in another container or broadcast", () => {
    const program = chooseProgram({
      video: { renditions: { video: { codec: "avc1.42c01f", container: { kind: "cmaf", init: "" } } } },
      audio: { renditions: { audio: { ...AAC, broadcast: "../other" } } },
    });
    expect(program).toMatchObject({ video: undefined, audio: undefined });
  });

  it.each([
    ["Opus without a header", { ...OPUS, description: "00" }],
    ["Opus of three channels without a table", { ...OPUS, numberOfChannels: 3 }],
    ["AAC of another object type", { ...AAC, description: "f800" }],
    ["AAC of nine channels", { ...AAC, description: "", numberOfChannels: 9 }],
    ["AAC of no rate", { ...AAC, sampleRate: 0 }],
    ["more configuration than a header takes", { ...AAC, description: `1190${"00".repeat(63)}` }],
  ])("leaves out %s, and goes on with what it can take", (_, audio) => {
    const pictures = { codec: "avc1.42c01f" };
    const renditions = { broken: audio, audio: OPUS };
    const program = chooseProgram({ video: { renditions: { video: pictures } }, audio: { renditions } });
    expect(program).toMatchObject({ video: { track: "video" }, audio: { track: "audio", codec: "Opus" } });
  });
});
