import { describe, expect, it } from "vitest";
import { encodeClockCode, type PixelView, readClockCode } from "./clock-code.ts";
import { TestPicture } from "./test-picture.ts";

const UNIX_MS = 1_795_416_000_123;

function drawn(width: number, height: number, frame = 77): PixelView {
  const picture = new TestPicture({ width, height, title: "live/demo" });
  picture.draw(UNIX_MS - 33, frame - 1);
  picture.draw(UNIX_MS, frame);
  return { data: picture.canvas.luma, width, height, bytesPerPixel: 1 };
}

describe("readClockCode", () => {
  it.each([
    [1280, 720],
    [640, 360],
    [320, 180],
    [1920, 1080],
  ])("reads what the test picture of %i x %i shows", (width, height) => {
    expect(readClockCode(drawn(width, height))).toEqual({ unixMs: UNIX_MS, frame: 77 });
  });

  it("reads RGBA pixels", () => {
    const { data, width, height } = drawn(640, 360);
    const rgba = new Uint8ClampedArray(width * height * 4);
    for (const [index, luma] of data.entries()) rgba.fill(luma, index * 4, index * 4 + 3);
    expect(readClockCode({ data: rgba, width, height, bytesPerPixel: 4 })?.unixMs).toBe(UNIX_MS);
  });

  it("survives noise and reduced contrast", () => {
    const view = drawn(1280, 720);
    const noisy = Uint8Array.from(view.data, (value, index) => 60 + value * 0.5 + ((index * 7919) % 41) - 20);
    expect(readClockCode({ ...view, data: noisy })?.unixMs).toBe(UNIX_MS);
  });

  it("rejects a picture in which one cell is damaged", () => {
    const view = drawn(1280, 720);
    const damaged = Uint8Array.from(view.data);
    for (let y = 30; y < 60; y++) {
      for (let x = 400; x < 440; x++) damaged[y * 1280 + x] = 251 - (damaged[y * 1280 + x] ?? 0);
    }
    expect(readClockCode({ ...view, data: damaged })).toBeUndefined();
  });

  it("finds nothing in a picture without the strip", () => {
    const data = new Uint8Array(1280 * 720).fill(90);
    expect(readClockCode({ data, width: 1280, height: 720, bytesPerPixel: 1 })).toBeUndefined();
    expect(readClockCode({ data, width: 16, height: 16, bytesPerPixel: 1 })).toBeUndefined();
  });
});

describe("encodeClockCode", () => {
  it("wraps the frame number at 24 bits", () => {
    expect(encodeClockCode({ unixMs: UNIX_MS, frame: 2 ** 24 + 5 })).toEqual(
      encodeClockCode({ unixMs: UNIX_MS, frame: 5 }),
    );
  });
});
