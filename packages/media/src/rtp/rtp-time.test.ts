import { describe, expect, it } from "vitest";
import { compactNtp, ntpOfUnixUs, unixUsOfNtp } from "./ntp-time.ts";
import { mediaClockOffset, rtpTimestampOfUs, usOfRtpTicks } from "./rtp-timestamp.ts";
import { SequenceUnwrapper, sequenceDistance, timestampDistance } from "./sequence-number.ts";

describe("rtpTimestampOfUs", () => {
  it("agrees with exact arithmetic for wall-clock times", () => {
    for (let i = 0; i < 2_000; i += 1) {
      const us = 1_764_000_000_000_000 + i * 33_366_667;
      for (const rate of [90_000, 48_000]) {
        const exact = (BigInt(us) * BigInt(rate) * 2n + 1_000_000n) / 2_000_000n;
        expect(rtpTimestampOfUs(us, rate)).toBe(Number(exact % 2n ** 32n));
      }
    }
  });

  it("is undone by usOfRtpTicks", () => {
    expect(usOfRtpTicks(3_000, 90_000)).toBeCloseTo(33_333.333, 2);
    expect(usOfRtpTicks(-960, 48_000)).toBe(-20_000);
  });
});

describe("mediaClockOffset", () => {
  it("is the timestamp of the NTP epoch: adding the ticks since then gives any other", () => {
    for (const rate of [90_000, 48_000]) {
      const us = 1_764_000_000_000_000;
      const sinceEpoch = ((BigInt(us) / 1_000_000n + 2_208_988_800n) * BigInt(rate)) % 2n ** 32n;
      expect((mediaClockOffset(rate) + Number(sinceEpoch)) % 2 ** 32).toBe(rtpTimestampOfUs(us, rate));
    }
  });
});

describe("ntpOfUnixUs", () => {
  it("goes there and back, in 2036 too", () => {
    for (const us of [
      0, 1_764_000_000_123_456, 2_085_978_495_999_999, 2_085_978_496_000_000, 2_200_000_000_000_001,
    ]) {
      const { seconds, fraction } = ntpOfUnixUs(us);
      expect(Math.abs(unixUsOfNtp(seconds, fraction) - us)).toBeLessThanOrEqual(1);
    }
    expect(ntpOfUnixUs(500_000)).toEqual({ seconds: 2_208_988_800, fraction: 0x8000_0000 });
    expect(compactNtp(0x1234_5678, 0x9abc_def0)).toBe(0x5678_9abc);
  });
});

describe("sequenceDistance", () => {
  it("takes the shorter way around", () => {
    expect(sequenceDistance(65_535, 0)).toBe(1);
    expect(sequenceDistance(0, 65_535)).toBe(-1);
    expect(sequenceDistance(0, 32_767)).toBe(32_767);
    expect(timestampDistance(0xffff_ffff, 5)).toBe(6);
    expect(timestampDistance(5, 0xffff_ffff)).toBe(-6);
  });
});

describe("SequenceUnwrapper", () => {
  it("counts on over wraps, and back for what comes late", () => {
    const unwrapper = new SequenceUnwrapper();
    expect([65_534, 65_535, 1, 0, 65_533, 40_000 - 32_768].map((n) => unwrapper.unwrap(n))).toEqual([
      65_534,
      65_535,
      65_537,
      65_536,
      65_533,
      65_536 + 7_232,
    ]);
  });
});
