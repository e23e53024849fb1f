import { describe, expect, it } from "vitest";
import { videoEncoding } from "./sender-parameters.ts";

const limits = { width: 1280, height: 720, fps: 30, bitrate: 1_500_000.4 };

describe("videoEncoding", () => {
  it("scales a larger picture down and never up", () => {
    expect(videoEncoding({ width: 1920, height: 1080 }, limits)).toEqual({
      active: true,
      maxBitrate: 1_500_000,
      maxFramerate: 30,
      scaleResolutionDownBy: 1.5,
    });
    expect(videoEncoding({ width: 640, height: 360 }, limits).scaleResolutionDownBy).toBe(1);
    expect(videoEncoding(undefined, limits).scaleResolutionDownBy).toBe(1);
  });

  it("takes the limits the other way round for an upright picture", () => {
    expect(videoEncoding({ width: 1080, height: 1920 }, limits).scaleResolutionDownBy).toBe(1.5);
  });
});
