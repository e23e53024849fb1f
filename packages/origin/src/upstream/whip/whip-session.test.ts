import { readFileSync } from "node:fs";
import { parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { insertSei, isKeyframe, joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import {
  encodeExtension,
  encodeGoodbye,
  H264Packetizer,
  OpusPacketizer,
  parseRtcp,
  type RtcpPacket,
  RtpStream,
} from "@canopy/media/rtp";
import {
  decodeTimedMessage,
  encodeTimedMessage,
  encodeTimedSei,
  readTimedMessages,
} from "@canopy/media/timed";
import { Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import type { WebRtcPeer, WebRtcPeerState } from "@canopy/transport/webrtc";
import { describe, expect, it } from "vitest";
import { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS } from "../../ingest/ingest-options.ts";
import type { ChosenAudio, ChosenMedia, ChosenVideo } from "./choose-media.ts";
import type { WhipDropReason } from "./whip-counters.ts";
import { DEFAULT_WHIP_OPTIONS } from "./whip-options.ts";
import { WhipSession } from "./whip-session.ts";

const PATH = "live/whip";
const START_US = 1_780_000_000_000_000;
const VECTORS = new URL("../../../../../tests/vectors/media/", import.meta.url);

function vectorUnits(name: string): Uint8Array[] {
  const { hex } = JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), "utf8")) as { hex: string };
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(Buffer.from(hex, "hex"))) {
    if ((nal[0] ?? 0) % 32 === 9) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units.map(joinAnnexB);
}

const UNITS = vectorUnits("h264-baseline");

const VIDEO: ChosenVideo = {
  mid: "0",
  payloadType: 96,
  ssrcs: [],
  canRepeat: true,
  transportExtension: 0,
  keyframeRequest: "pli",
  rids: [],
  ridExtension: 0,
  repair: undefined,
  parameterSets: [],
};
const AUDIO: ChosenAudio = {
  mid: "1",
  payloadType: 111,
  redundantType: 63,
  ssrcs: [],
  canRepeat: false,
  transportExtension: 0,
};

/** A session with a clock of its own; what it sends to its publisher is kept. */
class Bench {
  nowUs = START_US;
  readonly clock = { nowUs: () => this.nowUs, nowMs: () => this.nowUs / 1_000 };
  readonly store = new Store({}, { clock: this.clock });
  readonly registry = new BroadcastRegistry(DEFAULT_INGEST_OPTIONS, {
    store: this.store,
    clock: this.clock,
    logger: createSilentLogger(),
    events: { onStarted: () => {}, onEnded: () => {} },
    createId: (nowMs) => `id-${nowMs}`,
    countTimed: () => {},
  });
  readonly dropped = new Map<WhipDropReason, number>();
  readonly refused: string[] = [];
  readonly told: RtcpPacket[] = [];
  readonly session: WhipSession;
  state: WebRtcPeerState = "connecting";

  constructor(media: Partial<ChosenMedia> = {}) {
    this.session = this.open(media);
    this.session.onStateChange("connected");
  }

  open(media: Partial<ChosenMedia>): WhipSession {
    const session = new WhipSession(
      {
        path: PATH,
        remoteAddress: "127.0.0.1",
        media: {
          plan: { media: [], dataChannels: false },
          video: VIDEO,
          audio: AUDIO,
          bandwidth: "none",
          ...media,
        },
        whip: DEFAULT_WHIP_OPTIONS,
        ssrc: 99,
      },
      {
        registry: this.registry,
        clock: this.clock,
        logger: createSilentLogger(),
        counters: {
          dropped: (reason) => this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1),
          refused: (code) => this.refused.push(code),
          receivedBytes: () => {},
        },
        onPublisher: () => () => {},
        onOver: () => {},
      },
    );
    this.state = "connected";
    const bench = this;
    const peer: WebRtcPeer = {
      id: 1,
      get state() {
        return bench.state;
      },
      remoteAddress: "127.0.0.1:5",
      sendRtp: () => false,
      sendRtcp: (packet) => {
        this.told.push(...parseRtcp(packet));
        return true;
      },
      addRemoteCandidate: () => {},
      stats: () => ({
        sentBytes: 0,
        receivedBytes: 0,
        refusedPackets: 0,
        droppedPackets: { rate: 0, malformed: 0, "unknown-stream": 0, ssrcs: 0 },
      }),
      close: () => {
        this.state = "closed";
      },
    };
    session.attach(peer);
    return session;
  }

  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += 20) {
      this.nowUs += 20_000;
      this.session.tick(this.nowUs / 1_000);
    }
  }

  count(kind: RtcpPacket["kind"]): number {
    return this.told.filter((packet) => packet.kind === kind).length;
  }

  frames(track: string): { timestampUs: number; payload: Uint8Array }[] {
    const groups = this.store.get(PATH)?.track(track)?.groups ?? [];
    return [...groups].flatMap((group) =>
      group.frames.map(({ wire, payloadOffset }) => decodeLegacyFrame(wire.subarray(payloadOffset))),
    );
  }

  catalog() {
    const frame = this.store.get(PATH)?.track("catalog.json")?.latest?.frames[0];
    return frame === undefined ? undefined : parseCatalog(frame.wire.subarray(frame.payloadOffset));
  }
}

/** Packets of pictures of the vector, one list per picture. */
class VideoSender {
  readonly #packetizer: H264Packetizer;
  #count = 0;

  constructor(ssrc = 7, extension?: Uint8Array, firstSequence = 0) {
    const options = extension === undefined ? {} : { extension };
    this.#packetizer = new H264Packetizer(
      new RtpStream({ ssrc, payloadType: 96, firstSequence, ...options }),
      {
        maxPayloadBytes: 200,
      },
    );
  }

  next(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    const unit = UNITS[this.#count % UNITS.length] ?? new Uint8Array();
    this.#packetizer.packetize(unit, this.#count++ * 3_000, packets);
    return packets;
  }
}

describe("WhipSession", () => {
  it("opens the broadcast when it is connected, not before", () => {
    const bench = new Bench();
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
    const bench = new Bench();
    bench.nowUs += 3_000_000;
    const second = bench.open({});
    second.onStateChange("connected");
    expect(bench.registry.get(PATH)?.connected).toBe(true);
  });

  it("lets its broadcast wait while it is silent, and goes on with it", () => {
    const bench = new Bench();
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

  it("writes pictures and describes them, whatever order their packets come in", () => {
    const bench = new Bench();
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
    const bench = new Bench();
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

  it("asks for keyframes once a second at most, and every two seconds anyway", () => {
    const bench = new Bench();
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

  it("takes repeats from a stream of their own, and nothing from their padding", () => {
    const repair = { payloadType: 97, ridExtension: 0, ssrcs: new Map([[70, 7]]) };
    const bench = new Bench({ video: { ...VIDEO, repair } });
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

  it("takes one source per section: another SSRC gets no place beside it, but after it", () => {
    const bench = new Bench();
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
    const bench = new Bench({ video: { ...VIDEO, ssrcs: [7] } });
    for (const packet of new VideoSender(8).next()) bench.session.onRtp("0", packet);
    for (const packet of new VideoSender(7).next()) {
      packet[1] = ((packet[1] ?? 0) & 0x80) | 97;
      bench.session.onRtp("0", packet);
    }
    expect(bench.store.get(PATH)?.track("video")).toBeUndefined();
    for (const packet of new VideoSender(7).next()) bench.session.onRtp("0", packet);
    expect(bench.frames("video")).toHaveLength(1);
  });

  it("makes a track of every simulcast layer, named by its RID", () => {
    const bench = new Bench({ video: { ...VIDEO, rids: ["q", "f"], ridExtension: 4 } });
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
    const bench = new Bench();
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
    const bench = new Bench({ video: { ...VIDEO, parameterSets: nals.filter(isSet) } });
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
    const bench = new Bench();
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
    const bench = new Bench();
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

  it("meets garbage with counts, and goes on", () => {
    const bench = new Bench();
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
    const bench = new Bench();
    for (let i = 0; i < 1_000; i += 1) bench.session.onRtcp(encodeGoodbye([1]));
    expect(bench.dropped.get("rtcp-rate")).toBe(800);
    bench.advance(1_000);
    bench.session.onRtcp(encodeGoodbye([1]));
    expect(bench.dropped.get("rtcp-rate")).toBe(800);
  });

  it("reports once a second, with the bandwidth limit for those that ask for it", () => {
    const bench = new Bench({ bandwidth: "remb" });
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
    const bench = new Bench({ bandwidth: "transport-cc", video: { ...VIDEO, transportExtension: 3 } });
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
