import { insertSei, isKeyframe, joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import { encodeExtension, H264Packetizer, OpusPacketizer, RtpStream } from "@canopy/media/rtp";
import {
  decodeTimedMessage,
  encodeTimedMessage,
  encodeTimedSei,
  readTimedMessages,
} from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { PATH, START_US, UNITS, VIDEO, VideoSender, vectorUnits, WhipBench } from "./whip-bench-suite.ts";

describe("the media of a WhipSession", () => {
  it("writes pictures and describes them, whatever order their packets come in", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (let i = 0; i < 6; i += 1) {
      const [first, ...others] = sender.next();
      for (const packet of i === 0 ? [first, ...others] : [...others, first]) {
        if (packet !== undefined) bench.session.onRtp("0", packet);
      }
      bench.advance(40);
    }
    const frames = bench.frames("video");
    expect(frames).toHaveLength(6);
    expect(frames.map(({ payload }) => isKeyframe(payload))).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
    ]);
    expect(bench.catalog()?.video?.renditions.video).toMatchObject({ codec: "avc1.42c00b", codedWidth: 160 });
    expect(bench.count("nack")).toBe(0);
  });

  it("asks for missing packets, and for a keyframe when they do not come", () => {
    const bench = new WhipBench();
    const sender = new VideoSender();
    for (let i = 0; i < 3; i += 1) {
      const packets = sender.next();
      for (const [at, packet] of packets.entries()) if (i !== 1 || at !== 0) bench.session.onRtp("0", packet);
      bench.advance(40);
    }
    expect(bench.frames("video")).toHaveLength(1);
    expect(bench.count("nack")).toBeGreaterThan(0);
    const before = bench.count("pli");
    bench.advance(1_500);
    expect(bench.count("pli")).toBeGreaterThan(before);
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(1);
    for (const packet of sender.next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video").map(({ payload }) => isKeyframe(payload))).toEqual([true, true]);
  });

  it("takes repeats from a stream of their own, and nothing from their padding", () => {
    const repair = { payloadType: 97, ridExtension: 0, ssrcs: new Map([[70, 7]]) };
    const bench = new WhipBench({ video: { ...VIDEO, repair } });
    const sender = new VideoSender();
    const repeats = new RtpStream({ ssrc: 70, payloadType: 97 });
    const repeat = (payload: Uint8Array): void => {
      const packet = new Uint8Array(12 + payload.length);
      repeats.writeHeader(packet, false, 0);
      packet.set(payload, 12);
      bench.session.onRtp("0", packet);
    };
    repeat(new Uint8Array(0));
    const [first, second, ...others] = sender.next();
    for (const packet of [first, ...others]) if (packet !== undefined) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(0);
    repeat(new Uint8Array(0));
    // The sequence number of the original, then its payload.
    if (second !== undefined) repeat(Uint8Array.of(0, 1, ...second.subarray(12)));
    expect(bench.frames("video")).toHaveLength(1);
    expect(bench.dropped.size).toBe(0);
  });

  it("makes a track of every simulcast layer, named by its RID", () => {
    const bench = new WhipBench({ video: { ...VIDEO, rids: ["q", "f"], ridExtension: 4 } });
    const named = (rid: string) =>
      encodeExtension([{ id: 4, value: Uint8Array.from(rid, (letter) => letter.charCodeAt(0)) }]);
    for (const [ssrc, rid] of [
      [7, "q"],
      [8, "f"],
      [9, "x"],
    ] as const) {
      for (const packet of new VideoSender(ssrc, named(rid)).next()) bench.session.onRtp("0", packet);
    }
    for (const packet of new VideoSender(10).next()) bench.session.onRtp("0", packet);
    expect(Object.keys(bench.catalog()?.video?.renditions ?? {}).sort()).toEqual(["video-f", "video-q"]);
    expect(bench.frames("video-q")).toHaveLength(1);
    bench.advance(2_100);
    const asked = bench.told.filter((packet) => packet.kind === "pli").map((packet) => packet.mediaSsrc);
    expect(new Set(asked)).toEqual(new Set([7, 8]));
  });

  it("unwraps redundant audio, and takes from it what was lost", () => {
    const bench = new WhipBench();
    const red = new OpusPacketizer(new RtpStream({ ssrc: 5, payloadType: 63 }));
    const frame = (i: number) => [0xfc, i, i, i];
    const packets = Array.from({ length: 5 }, (_, i) => {
      const older = i === 0 ? [] : frame(i - 1);
      const header = i === 0 ? [] : [0xef, (960 >> 6) & 0xff, ((960 << 2) & 0xff) | 0, older.length];
      return red.packetize(Uint8Array.of(...header, 0x6f, ...older, ...frame(i)), i * 960);
    });
    for (const [i, packet] of packets.entries()) if (i !== 2) bench.session.onRtp("1", packet);
    bench.advance(200);
    const frames = bench.frames("audio");
    expect(frames.map(({ payload }) => [...payload])).toEqual([0, 1, 2, 3, 4].map(frame));
    for (let i = 1; i < frames.length; i += 1) {
      expect((frames[i]?.timestampUs ?? 0) - (frames[i - 1]?.timestampUs ?? 0)).toBeCloseTo(20_000, -3);
    }
  });

  it("uses parameter sets that came with the offer", () => {
    const nals = splitAnnexB(UNITS[0] ?? new Uint8Array());
    const isSet = (nal: Uint8Array) => [7, 8].includes((nal[0] ?? 0) % 32);
    const bench = new WhipBench({ video: { ...VIDEO, parameterSets: nals.filter(isSet) } });
    const packets: Uint8Array[] = [];
    new H264Packetizer(new RtpStream({ ssrc: 7, payloadType: 96 })).packetize(
      joinAnnexB(nals.filter((nal) => !isSet(nal))),
      0,
      packets,
    );
    for (const packet of packets) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(1);
  });

  it("passes a publisher's timed messages on, in the picture and on the track", () => {
    const bench = new WhipBench();
    const message = { v: 1 as const, id: "from-the-publisher", type: "cue", at: START_US, data: { n: 1 } };
    const packets: Uint8Array[] = [];
    const unit = insertSei(UNITS[0] ?? new Uint8Array(), [encodeTimedSei(encodeTimedMessage(message))]);
    new H264Packetizer(new RtpStream({ ssrc: 7, payloadType: 96 })).packetize(unit, 0, packets);
    for (const packet of packets) bench.session.onRtp("0", packet);
    const [frame] = bench.frames("video");
    expect(readTimedMessages(frame?.payload ?? new Uint8Array()).map(({ message: read }) => read.id)).toEqual(
      [message.id],
    );
    const timed = bench.store.get(PATH)?.track("timed")?.latest?.frames[0];
    expect(decodeTimedMessage(timed?.wire.subarray(timed.payloadOffset) ?? new Uint8Array())).toMatchObject({
      id: message.id,
      data: message.data,
    });
  });

  it("finds B-frames and gives pictures their own times", () => {
    const bench = new WhipBench();
    const packetizer = new H264Packetizer(new RtpStream({ ssrc: 7, payloadType: 96 }));
    // Decoding order of a closed group with two B-frames: I P B B P …
    const order = [0, 3, 1, 2, 6, 4, 5, 7];
    for (const [i, unit] of vectorUnits("h264-high-b-frames").entries()) {
      const packets: Uint8Array[] = [];
      packetizer.packetize(unit, 90_000 + (order[i] ?? i) * 3_000, packets);
      for (const packet of packets) bench.session.onRtp("0", packet);
      bench.advance(40);
    }
    const times = bench.frames("video").map(({ timestampUs }) => timestampUs);
    const places = times.map((time) => Math.round((time - (times[0] ?? 0)) / 33_333));
    expect(places).toEqual(order);
    expect(bench.registry.get(PATH)?.describe()).toMatchObject({ bFrames: true });
    expect(
      bench.registry
        .get(PATH)
        ?.warnings()
        .map(({ code }) => code),
    ).toContain("b-frames");
  });
});
