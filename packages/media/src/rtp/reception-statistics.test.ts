import { describe, expect, it } from "vitest";
import { ReceptionStatistics } from "./reception-statistics.ts";
import { parseRtcp } from "./rtcp/parse-rtcp.ts";
import { NOT_RECEIVED } from "./rtcp/transport-feedback.ts";
import { TransportFeedbackRecorder } from "./transport-feedback-recorder.ts";

describe("ReceptionStatistics", () => {
  it("counts losses over a wrap, and the fraction since the last report", () => {
    const statistics = new ReceptionStatistics(7, 90_000);
    for (let i = 0; i < 200; i += 1) {
      if (i % 10 !== 3) statistics.packet((65_500 + i) & 0xffff, i * 3_000, i * (100 / 3));
    }
    expect(statistics.report(10_000)).toMatchObject({
      ssrc: 7,
      fractionLost: Math.floor(25.6),
      cumulativeLost: 20,
      highestSequence: 0x1_0000 + 65_699 - 65_536,
      jitter: 0,
      lastSenderReport: 0,
      delaySinceLastSenderReport: 0,
    });
    for (let i = 200; i < 300; i += 1) statistics.packet((65_500 + i) & 0xffff, i * 3_000, i * (100 / 3));
    expect(statistics.report(20_000)).toMatchObject({ fractionLost: 0, cumulativeLost: 20 });
    expect([statistics.received, statistics.lost]).toEqual([280, 20]);
  });

  it("measures jitter as RFC 3550 does, in ticks of the source", () => {
    const statistics = new ReceptionStatistics(7, 48_000);
    for (let i = 0; i < 500; i += 1) statistics.packet(i, i * 960, i * 20 + (i % 2) * 5);
    expect(statistics.jitterMs).toBeGreaterThan(4.5);
    expect(statistics.jitterMs).toBeLessThanOrEqual(5);
  });

  it("says how long ago the last sender report came", () => {
    const statistics = new ReceptionStatistics(7, 90_000);
    const report = { packets: 0, octets: 0, reports: [], rtpTimestamp: 0, ssrc: 7 };
    statistics.senderReport(
      { kind: "sender-report", ...report, ntpSeconds: 0x1234_5678, ntpFraction: 0x9abc_def0 },
      1_000,
    );
    expect(statistics.report(1_500)).toMatchObject({
      lastSenderReport: 0x5678_9abc,
      delaySinceLastSenderReport: 32_768,
      fractionLost: 0,
    });
  });
});

describe("TransportFeedbackRecorder", () => {
  const read = (bytes: Uint8Array | undefined) => {
    const [packet] = parseRtcp(bytes ?? new Uint8Array(0));
    if (packet?.kind !== "transport-feedback") throw new Error("no feedback");
    return packet;
  };

  it("reports arrivals since the last feedback, with what is missing", () => {
    const recorder = new TransportFeedbackRecorder(1);
    expect(recorder.feedback(2)).toBeUndefined();
    for (const [sequence, arrivalUs] of [
      [65_535, 1_000_000],
      [1, 1_010_000],
      [0, 1_020_000],
      [3, 1_030_000],
    ] as const) {
      recorder.packet(sequence, arrivalUs);
    }
    const first = read(recorder.feedback(2));
    expect(first).toMatchObject({ baseSequence: 65_535, feedbackCount: 0, referenceTimeMs: 960 });
    expect([...first.arrivalsUs]).toEqual([40_000, 60_000, 50_000, NOT_RECEIVED, 70_000]);
    recorder.packet(2, 1_040_000);
    expect(recorder.feedback(2)).toBeUndefined();
    recorder.packet(5, 1_050_000);
    const second = read(recorder.feedback(2));
    expect(second).toMatchObject({ baseSequence: 4, feedbackCount: 1 });
    expect(second.arrivalsUs[0]).toBe(NOT_RECEIVED);
    expect(second.arrivalsUs.length).toBe(2);
  });

  it("begins anew after a jump past what it remembers", () => {
    const recorder = new TransportFeedbackRecorder(1);
    recorder.packet(0, 0);
    recorder.packet(5_000, 1_000);
    expect(read(recorder.feedback(2))).toMatchObject({ baseSequence: 5_000 });
  });

  it("leaves out what came so late that no delta can say it", () => {
    const recorder = new TransportFeedbackRecorder(1);
    recorder.packet(0, 0);
    recorder.packet(1, 20_000_000);
    recorder.packet(2, 1_000);
    expect([...read(recorder.feedback(2)).arrivalsUs]).toEqual([0, NOT_RECEIVED, 1_000]);
  });
});
