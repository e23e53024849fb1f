import { describe, expect, it } from "vitest";
import type { ProgramVideo } from "./choose-program.ts";
import { decodeTimelineOf, type VideoConfiguration } from "./video-configuration.ts";

const VIDEO: ProgramVideo = {
  track: "video",
  codec: "avc1",
  rendition: { codec: "avc1.4d401e", framerate: 30 },
  // The catalog of a publisher who has just begun: none of its B-frames has come yet.
  bFrames: false,
};

function configuration(reorderDepth: number | undefined): VideoConfiguration {
  const [width, height] = [640, 360];
  return { codec: "avc1", codecString: "avc1.4d401e", record: new Uint8Array(), width, height, reorderDepth };
}

/** Decoding minus presentation time, µs, of I P B B P. */
function leads(reorderDepth: number | undefined): number[] {
  const timeline = decodeTimelineOf(configuration(reorderDepth), VIDEO);
  return [0, 3, 1, 2, 6].map((order) => timeline.push(order * 33_333) - order * 33_333);
}

describe("decodeTimelineOf", () => {
  it("decodes no picture after it is shown, also before the catalog tells of B-frames", () => {
    expect(Math.max(...leads(2))).toBeLessThanOrEqual(0);
    expect(Math.max(...leads(undefined))).toBeLessThanOrEqual(0);
  });

  it("decodes pictures when they are shown where the stream says that none is reordered", () => {
    const timeline = decodeTimelineOf(configuration(0), VIDEO);
    expect([0, 33_333, 66_666].map((time) => timeline.push(time))).toEqual([0, 33_333, 66_666]);
  });
});
