import { describe, expect, it } from "vitest";
import { chooseRenditions, videoRenditionNames } from "./choose-renditions.ts";

const catalog = {
  video: {
    renditions: {
      small: { codec: "avc1.42c01e", codedWidth: 640, codedHeight: 360 },
      large: { codec: "avc1.640028", codedWidth: 1920, codedHeight: 1080 },
      boxed: {
        codec: "avc1.640028",
        codedWidth: 3840,
        codedHeight: 2160,
        container: { kind: "loc" as const },
      },
    },
  },
  audio: { renditions: { audio: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
};

describe("chooseRenditions", () => {
  it("takes the largest picture in a container that it reads", () => {
    expect(chooseRenditions(catalog, undefined, () => true).video?.name).toBe("large");
    expect(videoRenditionNames(catalog)).toEqual(["large", "small"]);
  });

  it("takes the wish if it can be decoded, otherwise the best that can", () => {
    expect(chooseRenditions(catalog, "small", () => true).video?.name).toBe("small");
    expect(chooseRenditions(catalog, "other", () => true).video?.name).toBe("large");
    expect(chooseRenditions(catalog, "large", (codec) => codec !== "avc1.640028").video?.name).toBe("small");
  });

  it("takes bridged sound only where the original cannot be decoded", () => {
    const bridged = {
      audio: {
        renditions: {
          "audio-opus": { codec: "opus", sampleRate: 48_000, numberOfChannels: 2, bitrate: 128_000 },
          audio: { codec: "mp4a.40.2", sampleRate: 44_100, numberOfChannels: 2, bitrate: 64_000 },
        },
      },
      canopy: { bridges: { "audio-opus": "audio" } },
    };
    expect(chooseRenditions(bridged, undefined, () => true).audio?.name).toBe("audio");
    expect(chooseRenditions(bridged, undefined, (codec) => codec === "opus").audio?.name).toBe("audio-opus");
  });

  it("finds audio alone, and nothing in an empty catalog", () => {
    const { video, audio } = chooseRenditions({ audio: catalog.audio }, undefined, () => true);
    expect(video).toBeUndefined();
    expect(audio?.name).toBe("audio");
    expect(chooseRenditions({}, undefined, () => true)).toEqual({ video: undefined, audio: undefined });
  });
});
