import { describe, expect, it } from "vitest";
import { encodeSize, h264Candidates } from "./encode-size.ts";

describe("encodeSize", () => {
  it.each([
    [
      { width: 1920, height: 1080 },
      { width: 1280, height: 720 },
    ],
    [
      { width: 640, height: 480 },
      { width: 640, height: 480 },
    ],
    [
      { width: 2560, height: 1080 },
      { width: 1280, height: 540 },
    ],
    [
      { width: 1081, height: 1921 },
      { width: 720, height: 1280 },
    ],
  ])("fits %o into 1280 x 720 as %o", (picture, expected) => {
    expect(encodeSize(picture, { width: 1280, height: 720 })).toEqual(expected);
  });
});

describe("h264Candidates", () => {
  it("names the smallest level that carries the pictures, constrained baseline first", () => {
    expect(h264Candidates({ width: 1280, height: 720 }, 30)[0]).toBe("avc1.42e01f");
    expect(h264Candidates({ width: 640, height: 360 }, 30)[0]).toBe("avc1.42e01e");
    expect(h264Candidates({ width: 1920, height: 1080 }, 30)[0]).toBe("avc1.42e028");
    expect(h264Candidates({ width: 1920, height: 1080 }, 60)[0]).toBe("avc1.42e02a");
  });
});
