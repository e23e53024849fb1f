import { describe, expect, it } from "vitest";
import { insetBox } from "./compose-pictures.ts";

describe("insetBox", () => {
  it("stands in the lower right corner with the camera's shape", () => {
    expect(insetBox({ width: 1280, height: 720 }, { width: 640, height: 480 })).toEqual({
      x: 1280 - 282 - 26,
      y: 720 - 212 - 26,
      width: 282,
      height: 212,
    });
  });

  it("takes 16:9 for a camera that shows nothing yet", () => {
    expect(insetBox({ width: 1000, height: 500 }, { width: 0, height: 0 })).toMatchObject({
      width: 220,
      height: 124,
    });
  });
});
