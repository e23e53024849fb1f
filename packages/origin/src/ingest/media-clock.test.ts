import { describe, expect, it } from "vitest";
import { MediaClock } from "./media-clock.ts";

const EPOCH_US = 1_780_000_000_000_000;
const FRAME_US = 33_333;

/** A repeatable source of numbers from 0 to 1, so that jitter is the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Maps a stream with two B-frames between references, decoded in the order P3 B1 B2 P6 B4 B5…, and gives the steps
 * between pictures in the order that the publisher meant.
 */
function presentReordered(
  count: number,
  arrivalOf: (decodeUs: number) => number,
): { readonly steps: number[] } {
  const clock = new MediaClock();
  const shown: { readonly meantUs: number; readonly mediaUs: number }[] = [];
  for (let frame = 0; frame < count; frame++) {
    const decodeUs = frame * FRAME_US;
    const compositionUs = (frame % 3 === 0 ? 4 : 1) * FRAME_US;
    const mediaUs = clock.map("video", decodeUs, arrivalOf(decodeUs), compositionUs);
    shown.push({ meantUs: decodeUs + compositionUs, mediaUs });
  }
  // The last reference is shown after pictures that did not come any more.
  const times = shown.sort((a, b) => a.meantUs - b.meantUs).slice(0, -1);
  const steps = times.slice(1).map(({ mediaUs }, index) => mediaUs - (times[index]?.mediaUs ?? 0));
  return { steps };
}

describe("MediaClock", () => {
  it("anchors the first timestamp at its arrival and keeps the publisher's distances", () => {
    const clock = new MediaClock();
    const seen: number[] = [];
    for (let frame = 0; frame < 100; frame++) {
      seen.push(clock.map("video", 5_000_000 + frame * FRAME_US, EPOCH_US + frame * FRAME_US));
    }
    expect(seen[0]).toBe(EPOCH_US);
    for (let frame = 1; frame < seen.length; frame++) {
      expect((seen[frame] ?? 0) - (seen[frame - 1] ?? 0)).toBe(FRAME_US);
    }
  });

  for (const ppm of [200, -200, 20, -20]) {
    it(`follows a publisher's clock that drifts by ${ppm} ppm for an hour`, () => {
      const clock = new MediaClock();
      const random = seeded(7);
      const skew = 1 + ppm / 1e6;
      let worstUs = 0;
      let stepsBack = 0;
      let last = Number.NEGATIVE_INFINITY;
      for (let frame = 0; frame < 3600 * 30; frame++) {
        const captureUs = EPOCH_US + frame * FRAME_US;
        const arrivalUs = captureUs + 20_000 + Math.floor(random() * 15_000);
        const mediaUs = clock.map("video", frame * FRAME_US * skew, arrivalUs);
        if (mediaUs <= last) stepsBack++;
        last = mediaUs;
        if (frame > 300) worstUs = Math.max(worstUs, Math.abs(mediaUs - captureUs - 20_000));
      }
      expect(stepsBack).toBe(0);
      expect(worstUs).toBeLessThan(5_000);
      expect(clock.jumps).toBe(0);
    });
  }

  it("keeps A/V sync when a publisher sends so fast that the anchor has to be moved", () => {
    const clock = new MediaClock();
    for (let tick = 0; tick < 3_000; tick++) {
      const timestampUs = tick * 10_000;
      const arrivalUs = EPOCH_US + timestampUs / 10;
      const video = clock.map("video", timestampUs, arrivalUs);
      // Sound comes 40 ms later in the interleaving.
      const audio = clock.map("audio", timestampUs, arrivalUs + 40_000);
      expect(Math.abs(audio - video)).toBeLessThanOrEqual(1_000);
    }
    expect(clock.jumps).toBeGreaterThan(0);
  });

  it("does not pass jitter of arrival on to media time", () => {
    const clock = new MediaClock();
    const random = seeded(3);
    let last = 0;
    for (let frame = 0; frame < 3000; frame++) {
      const arrivalUs = EPOCH_US + frame * FRAME_US + Math.floor(random() * 80_000);
      const mediaUs = clock.map("video", frame * FRAME_US, arrivalUs);
      if (frame > 300) expect(Math.abs(mediaUs - last - FRAME_US)).toBeLessThan(150);
      last = mediaUs;
    }
  });

  it("settles within two seconds after a burst at the start, without going back or losing A/V sync", () => {
    const clock = new MediaClock();
    const lastOf = { video: 0, audio: 0 };
    let skewUs = 0;
    for (let tick = 0; tick < 400; tick++) {
      const timestampUs = tick * 10_000;
      // The first half second of the recording arrives at once, the rest in real time.
      const arrivalUs = EPOCH_US + Math.max(0, timestampUs - 500_000);
      const video = clock.map("video", timestampUs, arrivalUs);
      const audio = clock.map("audio", timestampUs - 3_000, arrivalUs);
      expect(video).toBeGreaterThan(lastOf.video);
      expect(audio).toBeGreaterThan(lastOf.audio);
      lastOf.video = video;
      lastOf.audio = audio;
      if (tick > 0) skewUs = Math.max(skewUs, Math.abs(video - audio - 3_000));
      if (tick > 250) expect(video - arrivalUs).toBeLessThan(80_000);
    }
    expect(skewUs).toBeLessThan(6_000);
    expect(lastOf.video).toBeLessThan(EPOCH_US + 3_505_000);
    expect(clock.jumps).toBe(0);
  });

  it("shows reordered pictures in order and in even steps while it settles after a burst", () => {
    const { steps } = presentReordered(150, (decodeUs) => EPOCH_US + Math.max(0, decodeUs - 500_000));
    // At the least about half speed.
    expect(Math.min(...steps)).toBeGreaterThan(FRAME_US * 0.4);
    // Once the burst of 15 pictures is over, from one picture to the next there is hardly another step.
    for (let index = 16; index < steps.length; index++) {
      expect(Math.abs((steps[index] ?? 0) - (steps[index - 1] ?? 0))).toBeLessThan(6_000);
    }
  });

  it("keeps reordered pictures in order when the correction sets in between them", () => {
    // One frame after the other is the first that does not wait any longer: half a second of lead, seen at once.
    for (let first = 1; first < 12; first++) {
      const { steps } = presentReordered(
        60,
        (decodeUs) => EPOCH_US + decodeUs + (decodeUs < first * FRAME_US ? 600_000 : 0),
      );
      expect(Math.min(...steps)).toBeGreaterThan(FRAME_US * 0.4);
      expect(Math.max(...steps)).toBeLessThan(FRAME_US * 1.1);
    }
  });

  it("does not stop following the publisher because a picture claims to be shown in two hours", () => {
    const clock = new MediaClock();
    clock.map("video", 0, EPOCH_US, 7_200_000_000);
    let mediaUs = 0;
    for (let frame = 1; frame < 200; frame++) {
      // All of them come half a second earlier than the first one did.
      mediaUs = clock.map("video", frame * FRAME_US, EPOCH_US - 500_000 + frame * FRAME_US);
    }
    expect(Math.abs(mediaUs - (EPOCH_US - 500_000 + 199 * FRAME_US))).toBeLessThan(10_000);
  });

  it("keeps media time right while TCP stalls and then delivers the backlog at once", () => {
    const clock = new MediaClock();
    for (let frame = 0; frame < 600; frame++) {
      const captureUs = EPOCH_US + frame * FRAME_US;
      const stalled = frame >= 300 && frame < 360;
      const arrivalUs = stalled ? EPOCH_US + 360 * FRAME_US : captureUs;
      expect(Math.abs(clock.map("video", frame * FRAME_US, arrivalUs) - captureUs)).toBeLessThan(2_000);
    }
    expect(clock.jumps).toBe(0);
  });

  it("catches up gently when the encoder stood still and its timestamps with it", () => {
    const clock = new MediaClock();
    let last = 0;
    let mediaUs = 0;
    let arrivalUs = EPOCH_US;
    for (let frame = 0; frame < 3600; frame++) {
      arrivalUs = EPOCH_US + frame * FRAME_US + (frame >= 300 ? 1_000_000 : 0);
      mediaUs = clock.map("video", frame * FRAME_US, arrivalUs);
      if (frame > 300) expect(mediaUs - last).toBeLessThan(FRAME_US * 1.06);
      last = mediaUs;
    }
    expect(Math.abs(mediaUs - arrivalUs)).toBeLessThan(20_000);
  });

  for (const jumpUs of [3_600_000_000, -3_600_000_000, 10_000_000, -700_000]) {
    it(`anchors anew when timestamps jump by ${jumpUs / 1e6} s, while audio still comes with the old ones`, () => {
      const clock = new MediaClock();
      const lastOf = { video: 0, audio: 0 };
      for (let tick = 0; tick < 1000; tick++) {
        const captureUs = EPOCH_US + tick * 10_000;
        const base = 5_000_000_000 + tick * 10_000;
        const video = clock.map("video", base + (tick >= 500 ? jumpUs : 0), captureUs);
        const audio = clock.map("audio", base + (tick >= 520 ? jumpUs : 0), captureUs);
        expect(video).toBeGreaterThan(lastOf.video);
        expect(audio).toBeGreaterThan(lastOf.audio);
        expect(Math.abs(video - captureUs)).toBeLessThan(2_000);
        expect(Math.abs(audio - captureUs)).toBeLessThan(2_000);
        lastOf.video = video;
        lastOf.audio = audio;
      }
      expect(clock.jumps).toBe(1);
    });
  }

  it("anchors tracks on separate timelines separately, without flapping", () => {
    const clock = new MediaClock();
    for (let tick = 0; tick < 1000; tick++) {
      const captureUs = EPOCH_US + tick * 20_000;
      expect(Math.abs(clock.map("video", tick * 20_000, captureUs) - captureUs)).toBeLessThan(2_000);
      expect(Math.abs(clock.map("audio", 7e9 + tick * 20_000, captureUs) - captureUs)).toBeLessThan(2_000);
    }
    expect(clock.jumps).toBe(0);
  });

  it("grows on over a restart of the publisher and is near now again at once", () => {
    const clock = new MediaClock();
    let last = 0;
    for (let frame = 0; frame < 100; frame++) {
      last = clock.map("video", frame * FRAME_US, EPOCH_US + frame * FRAME_US);
    }
    clock.restart();
    const arrivalUs = EPOCH_US + 6_000_000;
    const first = clock.map("video", 0, arrivalUs);
    expect(first).toBeGreaterThan(last);
    expect(first).toBe(arrivalUs);
    expect(clock.jumps).toBe(0);
  });

  it("never runs ahead of arrival for long when a file is pushed faster than real time", () => {
    const clock = new MediaClock();
    let last = 0;
    let aheadUs = 0;
    for (let frame = 0; frame < 6000; frame++) {
      const arrivalUs = EPOCH_US + frame * 1_000;
      const mediaUs = clock.map("video", frame * FRAME_US, arrivalUs);
      expect(mediaUs).toBeGreaterThan(last);
      last = mediaUs;
      aheadUs = Math.max(aheadUs, mediaUs - arrivalUs);
      expect(clock.leadUs(arrivalUs)).toBeLessThan(3_100_000);
    }
    expect(aheadUs).toBeLessThan(3_100_000);
  });

  it("accepts a slide show of one frame every four seconds as one timeline", () => {
    const clock = new MediaClock();
    for (let frame = 0; frame < 50; frame++) {
      const captureUs = EPOCH_US + frame * 4_000_000;
      expect(clock.map("video", frame * 4_000_000, captureUs)).toBe(captureUs);
    }
    expect(clock.jumps).toBe(0);
  });
});
