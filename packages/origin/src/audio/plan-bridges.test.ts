import type { AudioRendition } from "@canopy/media/catalog";
import { describe, expect, it } from "vitest";
import { DEFAULT_AUDIO_BRIDGE } from "./bridge-options.ts";
import { decodesAlike, planBridges } from "./plan-bridges.ts";

const aac: AudioRendition = {
  codec: "mp4a.40.2",
  sampleRate: 44_100,
  numberOfChannels: 2,
  description: "1210",
};
const opus: AudioRendition = { codec: "opus", sampleRate: 48_000, numberOfChannels: 1 };

const plan = (
  audios: Record<string, AudioRendition>,
  options = DEFAULT_AUDIO_BRIDGE,
  taken: readonly string[] = [],
) => planBridges(Object.entries(audios), options, (name) => taken.includes(name));

describe("planBridges", () => {
  it("adds Opus to AAC", () => {
    expect(plan({ audio: aac })).toEqual([
      {
        name: "audio-opus",
        source: "audio",
        format: {
          from: { codec: "aac", sampleRate: 44_100, channels: 2, description: Uint8Array.of(0x12, 0x10) },
          to: { codec: "opus", channels: 2, bitrateBps: 128_000 },
        },
        rendition: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2, bitrate: 128_000 },
      },
    ]);
  });

  it("adds AAC to Opus, with the configuration that its decoders need", () => {
    const [made] = plan({ mic: opus });
    expect(made?.name).toBe("mic-aac");
    expect(made?.rendition).toEqual({
      codec: "mp4a.40.2",
      description: "1188",
      sampleRate: 48_000,
      numberOfChannels: 1,
      bitrate: 64_000,
    });
  });

  it("mixes down to stereo, and takes HE-AAC", () => {
    for (const codec of ["mp4a.40.2", "mp4a.40.5", "mp4a.40.29"]) {
      expect(plan({ audio: { ...aac, codec, numberOfChannels: 6 } })[0]?.rendition.numberOfChannels).toBe(2);
    }
  });

  it("adds nothing that the publisher sends himself, cannot be read here, or has a taken name", () => {
    expect(plan({ audio: aac, other: opus })).toEqual([]);
    expect(plan({ audio: { ...aac, codec: "mp4a.40.42" } })).toEqual([]);
    expect(plan({ audio: { ...opus, numberOfChannels: 6 } })).toEqual([]);
    expect(plan({ audio: { ...aac, container: { kind: "loc" } } })).toEqual([]);
    expect(plan({ audio: { ...aac, broadcast: "../other" } })).toEqual([]);
    expect(plan({ audio: aac }, DEFAULT_AUDIO_BRIDGE, ["audio-opus"])).toEqual([]);
    expect(plan({ audio: aac }, { ...DEFAULT_AUDIO_BRIDGE, enabled: false })).toEqual([]);
    expect(plan({})).toEqual([]);
  });

  it("makes one rendition out of several of the same codec", () => {
    expect(plan({ low: aac, high: aac }).map(({ name }) => name)).toEqual(["low-opus"]);
  });
});

describe("decodesAlike", () => {
  it("looks at what a decoder is configured with, not at rates", () => {
    expect(decodesAlike(aac, { ...aac, bitrate: 5 })).toBe(true);
    expect(decodesAlike(aac, { ...aac, description: "1190" })).toBe(false);
    expect(decodesAlike(aac, opus)).toBe(false);
  });
});
