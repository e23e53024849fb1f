import { ntpOfUnixUs, type SenderReport } from "@canopy/media/rtp";
import { describe, expect, it } from "vitest";
import { MediaClock } from "../../ingest/media-clock.ts";
import { SenderClock, SenderTimeline } from "./sender-timeline.ts";

const START_US = 1_780_000_000_000_000;

/** One track of a simulated publisher: frames at a steady pace, each arriving after a delay of its own. */
class Sender {
  readonly timeline: SenderTimeline;
  readonly #rate: number;
  readonly #rtpStart: number;
  readonly #publisherAheadUs: number;

  constructor(options: { rate: number; rtpStart: number; publisherAheadUs: number }, clock: SenderClock) {
    this.#rate = options.rate;
    this.#rtpStart = options.rtpStart;
    this.#publisherAheadUs = options.publisherAheadUs;
    this.timeline = new SenderTimeline({ clockRate: options.rate }, clock);
  }

  /** `capturedUs` after the start of the publisher. */
  rtp(capturedUs: number): number {
    return (this.#rtpStart + Math.round((capturedUs * this.#rate) / 1_000_000)) >>> 0;
  }

  frame(capturedUs: number, delayUs: number): number {
    return this.timeline.place(this.rtp(capturedUs), START_US + capturedUs + delayUs);
  }

  report(capturedUs: number, setUs = 0): void {
    const { seconds, fraction } = ntpOfUnixUs(START_US + capturedUs + this.#publisherAheadUs + setUs);
    const report: SenderReport = {
      kind: "sender-report",
      ssrc: 1,
      ntpSeconds: seconds,
      ntpFraction: fraction,
      rtpTimestamp: this.rtp(capturedUs),
      packets: 0,
      octets: 0,
      reports: [],
    };
    this.timeline.report(report);
  }
}

function pair() {
  const clock = new SenderClock();
  const publisherAheadUs = 7_300_000_000;
  return {
    clock,
    // Wraps within the test.
    video: new Sender({ rate: 90_000, rtpStart: 0xffff_0000, publisherAheadUs }, clock),
    audio: new Sender({ rate: 48_000, rtpStart: 123, publisherAheadUs }, clock),
  };
}

describe("SenderTimeline", () => {
  it("starts at the arrival and keeps the distances of the timestamps before any report", () => {
    const { video } = pair();
    expect(video.frame(0, 90_000)).toBe(START_US + 90_000);
    expect(video.frame(40_000, 30_000)).toBe(START_US + 130_000);
    expect(video.frame(80_000, 500_000)).toBe(START_US + 170_000);
    expect(video.timeline.reports).toBe(0);
  });

  it("brings two tracks that arrived unevenly to where they were captured, without a step or a way back", () => {
    const { video, audio } = pair();
    let skewUs = Number.NaN;
    let lastVideoUs = 0;
    let lastAudioUs = 0;
    let skewAfterReportsUs = 0;
    for (let ms = 0; ms <= 6_000; ms += 20) {
      const audioUs = audio.frame(ms * 1_000, 15_000);
      if (ms > 0) {
        expect(audioUs - lastAudioUs).toBeGreaterThan(14_000);
        expect(audioUs - lastAudioUs).toBeLessThan(26_000);
      }
      lastAudioUs = audioUs;
      if (ms % 40 === 0) {
        const videoUs = video.frame(ms * 1_000, 180_000);
        if (ms > 0) {
          expect(videoUs - lastVideoUs).toBeGreaterThan(29_000);
          expect(videoUs - lastVideoUs).toBeLessThan(51_000);
        }
        lastVideoUs = videoUs;
        skewUs = videoUs - audioUs;
        if (ms >= 3_500) skewAfterReportsUs = Math.max(skewAfterReportsUs, Math.abs(skewUs));
      }
      if (ms === 500) video.report(500_000);
      if (ms === 2_500) audio.report(2_500_000);
    }
    expect(skewAfterReportsUs).toBeLessThan(1_000);
  });

  it("places pictures out of order by their timestamps", () => {
    const { video } = pair();
    video.frame(0, 0);
    const third = video.frame(120_000, 0);
    expect(video.frame(40_000, 0)).toBeCloseTo(third - 80_000, -2);
    expect(video.frame(160_000, 0)).toBeCloseTo(third + 40_000, -2);
  });

  it("goes on without a step when the publisher's clock is set, whichever track hears of it first", () => {
    const { clock, video, audio } = pair();
    const setUs = 3_600_000_000;
    let last = 0;
    for (let ms = 0; ms <= 8_000; ms += 20) {
      audio.frame(ms * 1_000, 20_000);
      const videoUs = video.frame(ms * 1_000, 20_000);
      if (ms > 0) expect(Math.abs(videoUs - last - 20_000)).toBeLessThan(2_000);
      last = videoUs;
      if (ms % 1_000 === 900) {
        video.report(ms * 1_000, ms > 4_000 ? setUs : 0);
        // One report of before is still on its way.
        audio.report(ms * 1_000, ms > 5_000 ? setUs : 0);
      }
    }
    expect(clock.epoch).toBe(1);
    expect(Math.abs(audio.frame(8_020_000, 20_000) - video.frame(8_020_000, 20_000))).toBeLessThan(1_000);
  });

  it("takes no notice of reports without a wall clock or about other times", () => {
    const { video } = pair();
    video.frame(0, 0);
    const report = { kind: "sender-report", ssrc: 1, packets: 0, octets: 0, reports: [] } as const;
    video.timeline.report({ ...report, ntpSeconds: 0, ntpFraction: 0, rtpTimestamp: video.rtp(0) });
    video.timeline.report({ ...report, ntpSeconds: 1, ntpFraction: 1, rtpTimestamp: video.rtp(60_000_000) });
    expect(video.timeline.reports).toBe(0);
    expect(video.frame(40_000, 0)).toBe(START_US + 40_000);
  });

  it("begins anew at the arrival when timestamps jump, and goes on after a pause", () => {
    const { video } = pair();
    video.frame(0, 0);
    expect(video.frame(60_000_000, 0)).toBe(START_US + 60_000_000);
    const jumped = video.timeline.place(12_345, START_US + 61_000_000);
    expect(jumped).toBe(START_US + 61_000_000);
    expect(video.timeline.place(12_345 + 3_600, START_US + 61_090_000)).toBe(jumped + 40_000);
  });

  it("gives, through MediaClock, the media time of capture plus the smallest delay", () => {
    const { video, audio } = pair();
    const media = new MediaClock();
    let worstSkewUs = 0;
    for (let ms = 0; ms <= 30_000; ms += 20) {
      const audioDelayUs = 12_000 + (ms % 7) * 1_000;
      const audioUs = media.map(
        "audio",
        audio.frame(ms * 1_000, audioDelayUs),
        START_US + ms * 1_000 + audioDelayUs,
      );
      if (ms % 40 === 0) {
        const delayUs = 60_000 + (ms % 11) * 3_000;
        const videoUs = media.map("video", video.frame(ms * 1_000, delayUs), START_US + ms * 1_000 + delayUs);
        if (ms > 4_000) worstSkewUs = Math.max(worstSkewUs, Math.abs(videoUs - audioUs));
        if (ms > 20_000) expect(Math.abs(audioUs - (START_US + ms * 1_000 + 12_000))).toBeLessThan(5_000);
      }
      if (ms % 1_000 === 400) video.report(ms * 1_000);
      if (ms % 5_000 === 2_500) audio.report(ms * 1_000);
    }
    expect(worstSkewUs).toBeLessThan(20_000);
    expect(media.jumps).toBe(0);
  });
});
