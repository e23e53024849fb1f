import { isKeyframe } from "@canopy/media/h264";
import { encodeExtension, encodeGoodbye } from "@canopy/media/rtp";
import { describe, expect, it } from "vitest";
import { PATH, VIDEO, VideoSender, WhipBench } from "./whip-bench-suite.ts";

describe("WhipSession", () => {
  it("opens the broadcast when it is connected, not before", () => {
    const bench = new WhipBench();
    expect(bench.registry.get(PATH)?.publisher).toMatchObject({
      protocol: "whip",
      remoteAddress: "127.0.0.1",
    });
    const second = bench.open({});
    bench.nowUs += 100_000;
    second.onStateChange("connected");
    expect(bench.state).toBe("closed");
    expect(bench.refused).toEqual(["broadcast-in-use"]);
  });

  it("gives its place to a session that connects after it has fallen silent", () => {
    const bench = new WhipBench();
    bench.nowUs += 3_000_000;
    const second = bench.open({});
    second.onStateChange("connected");
    expect(bench.registry.get(PATH)?.connected).toBe(true);
  });

  it("lets its broadcast wait while it is silent, and goes on with it", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    const ingest = bench.registry.get(PATH);
    bench.advance(4_000);
    expect(ingest?.connected).toBe(false);
    for (let i = 0; i < 4; i += 1) for (const packet of sender.next()) bench.session.onRtp("0", packet);
    expect(bench.registry.get(PATH)).toBe(ingest);
    expect(ingest?.connected).toBe(true);
    expect(bench.frames("video").map(({ payload }) => isKeyframe(payload))).toEqual([true, true]);
    bench.advance(16_000);
    expect(bench.state).toBe("closed");
  });

  it("does not take a pause of its own process for silence", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    bench.advance(20);
    bench.nowUs += 4_000_000;
    bench.advance(20);
    expect(bench.registry.get(PATH)?.connected).toBe(true);
    bench.advance(4_000);
    expect(bench.registry.get(PATH)?.connected).toBe(false);
  });

  it("asks for keyframes once a second at most, and every two seconds anyway", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    bench.advance(1_960);
    expect(bench.count("pli")).toBe(0);
    for (let i = 0; i < 4; i += 1) {
      bench.advance(1_000);
      // A sign of life.
      bench.session.onRtcp(encodeGoodbye([1]));
    }
    expect(bench.count("pli")).toBeGreaterThanOrEqual(3);
    expect(bench.count("pli")).toBeLessThanOrEqual(5);
  });

  it("takes one source per section: another SSRC gets no place beside it, but after it", () => {
    const bench = new WhipBench();
    const sender = new VideoSender(7);
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    const intruder = new VideoSender(8);
    for (const packet of intruder.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(1);
    expect(bench.dropped.get("unexpected")).toBeGreaterThan(0);
    bench.session.onRtcp(encodeGoodbye([7]));
    const successor = new VideoSender(9);
    for (const packet of successor.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(2);
    // The former one has no way back while the new one sends.
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(2);
  });

  it("takes only declared sources where the offer declares them, and only agreed payload types", () => {
    const bench = new WhipBench({ video: { ...VIDEO, ssrcs: [7] } });
    for (const packet of new VideoSender(8).next()) bench.session.onRtp("0", packet);
    for (const packet of new VideoSender(7).next()) {
      packet[1] = ((packet[1] ?? 0) & 0x80) | 97;
      bench.session.onRtp("0", packet);
    }
    expect(bench.store.get(PATH)?.track("video")).toBeUndefined();
    for (const packet of new VideoSender(7).next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(1);
  });

  it("meets garbage with counts, and goes on", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    let seed = 1;
    const next = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return seed >>> 8;
    };
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Uint8Array.from({ length: next() % 120 }, () => next());
      bench.session.onRtp(round % 2 === 0 ? "0" : "1", bytes);
      if (round % 20 === 0) bench.advance(20);
      if (bytes.length >= 4) bench.session.onRtcp(bytes);
    }
    // Garbage under the right SSRC and payload type, too.
    const header = Uint8Array.of(0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7);
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Uint8Array.from([...header, ...Array.from({ length: next() % 60 }, next)]);
      bytes[2] = next();
      bytes[3] = next();
      bytes[7] = next();
      bench.session.onRtp("0", bytes);
      if (round % 20 === 0) bench.advance(20);
    }
    expect(bench.dropped.get("malformed")).toBeGreaterThan(0);
    expect(bench.dropped.get("media")).toBeGreaterThan(0);
    expect(bench.state).toBe("connected");
    bench.advance(5_000);
    const again = new VideoSender(20);
    const before = bench.frames("video").length;
    for (let i = 0; i < 3; i += 1) for (const packet of again.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video").length).toBe(before + 3);
  });

  it("reads only so much RTCP a second", () => {
    const bench = new WhipBench();
    for (let i = 0; i < 1_000; i += 1) bench.session.onRtcp(encodeGoodbye([1]));
    expect(bench.dropped.get("rtcp-rate")).toBe(800);
    bench.advance(1_000);
    bench.session.onRtcp(encodeGoodbye([1]));
    expect(bench.dropped.get("rtcp-rate")).toBe(800);
  });

  it("reports once a second, with the bandwidth limit for those that ask for it", () => {
    const bench = new WhipBench({ bandwidth: "remb" });
    const sender = new VideoSender();
    for (let i = 0; i < 50; i += 1) {
      for (const packet of sender.next()) bench.session.onRtp("0", packet);
      bench.advance(40);
    }
    const reports = bench.told.filter((packet) => packet.kind === "receiver-report");
    expect(reports).toHaveLength(2);
    expect(reports[0]?.reports[0]).toMatchObject({ ssrc: 7, fractionLost: 0 });
    const remb = bench.told.find((packet) => packet.kind === "remb");
    expect(remb?.bitsPerSecond).toBeLessThanOrEqual(8_000_000);
    expect(remb?.bitsPerSecond).toBeGreaterThan(7_900_000);
  });

  it("tells arrivals to those that count them", () => {
    const bench = new WhipBench({ bandwidth: "transport-cc", video: { ...VIDEO, transportExtension: 3 } });
    const sender = new VideoSender(7, encodeExtension([{ id: 3, value: Uint8Array.of(0, 0) }]));
    let sequence = 0;
    for (let i = 0; i < 20; i += 1) {
      for (const packet of sender.next()) {
        packet[17] = sequence >> 8;
        packet[18] = sequence++;
        bench.session.onRtp("0", packet);
      }
      bench.advance(40);
    }
    const feedbacks = bench.told.filter((packet) => packet.kind === "transport-feedback");
    expect(feedbacks.length).toBeGreaterThanOrEqual(6);
    let told = 0;
    for (const { baseSequence, arrivalsUs } of feedbacks) {
      expect(baseSequence).toBe(told);
      told += arrivalsUs.length;
    }
    expect(told).toBeGreaterThan(sequence - 20);
  });
});
