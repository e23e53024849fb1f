import { describe, expect, it } from "vitest";
import { mediaClockOffset, RtpClock } from "./rtp-clock.ts";

const NTP_UNIX_S = 2_208_988_800n;
const NOW_US = 1_795_416_000_123_457;

/** What a sender makes of a media time, in whole numbers. */
function rtpOf(mediaUs: number, offset: number, rate = 90_000): number {
  const ticks = ((BigInt(mediaUs) + NTP_UNIX_S * 1_000_000n) * BigInt(rate)) / 1_000_000n;
  return Number((ticks + BigInt(offset)) % 2n ** 32n);
}

describe("mediaClockOffset", () => {
  const sdp = [
    "v=0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=mid:0",
    "a=ts-refclk:ntp=/traceable/",
    "a=mediaclk:direct=4000000000",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=mid:1",
    "a=mediaclk:sender",
    "",
  ].join("\r\n");

  it("is that of the section, if it tells one", () => {
    expect(mediaClockOffset(sdp, "0")).toBe(4_000_000_000);
    expect(mediaClockOffset(sdp, "1")).toBeUndefined();
    expect(mediaClockOffset(sdp, "2")).toBeUndefined();
  });
});

describe("RtpClock", () => {
  it("gives back media times to a tick, whatever the offset and wherever the timestamps come round", () => {
    for (const offset of [0, 1, 4_294_967_295, 2_718_281_828]) {
      const clock = new RtpClock(90_000);
      clock.setOffset(offset);
      for (let index = 0; index < 2_000; index += 1) {
        const mediaUs = NOW_US + index * 61_234_567;
        const found = clock.toMediaUs(rtpOf(mediaUs, offset), mediaUs - 90_000_000) ?? 0;
        expect(mediaUs - found).toBeGreaterThan(-1);
        expect(mediaUs - found).toBeLessThan(12);
      }
    }
  });

  it("works at the rate of sound", () => {
    const clock = new RtpClock(48_000);
    clock.setOffset(77);
    const found = clock.toMediaUs(rtpOf(NOW_US, 77, 48_000), NOW_US + 3_600e6) ?? 0;
    expect(Math.abs(NOW_US - found)).toBeLessThan(21);
  });

  it("knows nothing at first, then the median of what the browser says", () => {
    const clock = new RtpClock(90_000);
    expect(clock.toMediaUs(5, NOW_US)).toBeUndefined();
    const jitter = [0, 900, -1_000, 12_000, 400, -600, 100, -300, 200];
    for (const [index, jitterUs] of jitter.entries()) {
      const mediaUs = NOW_US + index * 33_333;
      clock.observe(rtpOf(mediaUs, 99), mediaUs + jitterUs);
    }
    expect(clock.isKnown).toBe(true);
    expect(clock.isExact).toBe(false);
    const mediaUs = NOW_US + 5e6;
    expect(Math.abs((clock.toMediaUs(rtpOf(mediaUs, 99), mediaUs) ?? 0) - mediaUs)).toBeLessThan(500);
  });

  it("goes on where the timestamps come round while it learns", () => {
    const clock = new RtpClock(90_000);
    const untilRound = ((2 ** 32 - rtpOf(NOW_US, 0)) * 1e6) / 90_000;
    const start = Math.round(NOW_US + untilRound) - 200_000;
    for (let index = 0; index < 12; index += 1)
      clock.observe(rtpOf(start + index * 40_000, 0), start + index * 40_000);
    expect(Math.abs((clock.toMediaUs(rtpOf(start + 1e6, 0), start) ?? 0) - start - 1e6)).toBeLessThan(50);
  });
});
