import { describe, expect, it } from "vitest";
import { parseAdtsHeader, splitAdts, stripAdts } from "./aac/adts.ts";
import { encodeAudioSpecificConfig, parseAudioSpecificConfig } from "./aac/audio-specific-config.ts";
import { decodeHex } from "./bytes/hex.ts";
import { joinBytes, sameBytes } from "./bytes/join.ts";
import { encodeUtf8 } from "./bytes/utf8.ts";
import { encodeCatalog } from "./catalog/encode-catalog.ts";
import { parseCatalog } from "./catalog/parse-catalog.ts";
import { decodeLegacyFrame, encodeLegacyFrame } from "./container/legacy-frame.ts";
import { decodeAmf0 } from "./flv/decode-amf0.ts";
import { encodeVideoTagBody } from "./flv/encode-video-tag.ts";
import { parseAudioTagBody } from "./flv/parse-audio-tag.ts";
import { parseVideoTagBody } from "./flv/parse-video-tag.ts";
import { isKeyframe, normalizeAccessUnit } from "./h264/access-unit.ts";
import { parseAvcDecoderConfig } from "./h264/avc-decoder-config.ts";
import { withLowDelayVui } from "./h264/low-delay-vui.ts";
import { NAL_PPS, NAL_SPS, nalUnitType } from "./h264/nal-unit-type.ts";
import { insertSei, readSei } from "./h264/sei.ts";
import { peekSliceHeader, usesBFrames } from "./h264/slice-header.ts";
import { parseSps } from "./h264/sps.ts";
import { isHevcKeyframe, normalizeHevcAccessUnit } from "./hevc/access-unit.ts";
import { parseHevcDecoderConfig } from "./hevc/hevc-decoder-config.ts";
import { HEVC_PPS, HEVC_SPS, HEVC_VPS, hevcNalUnitType } from "./hevc/nal-unit-type.ts";
import { parseHevcPps, parseHevcVps } from "./hevc/parameter-sets.ts";
import { insertHevcSei, readHevcSei } from "./hevc/sei.ts";
import { parseHevcSps } from "./hevc/sps.ts";
import { MediaError } from "./media-error.ts";
import { splitAnnexB } from "./nal/annex-b.ts";
import {
  annexBToLengthPrefixed,
  lengthPrefixedToAnnexB,
  splitLengthPrefixed,
} from "./nal/length-prefixed.ts";
import { encodeOpusHead, parseOpusHead } from "./opus/opus-head.ts";
import { opusPacketChannels, opusPacketDurationUs } from "./opus/packet.ts";
import { H264Depacketizer } from "./rtp/h264-depacketizer.ts";
import { findExtension, textExtension } from "./rtp/header-extension.ts";
import { OpusPacketizer } from "./rtp/opus-packetizer.ts";
import { parseRedundantAudio, primaryOfRedundantAudio } from "./rtp/redundant-audio.ts";
import { restoreRetransmitted } from "./rtp/retransmission.ts";
import { parseRtcp } from "./rtp/rtcp/parse-rtcp.ts";
import { RtpHeader } from "./rtp/rtp-header.ts";
import { RtpStream } from "./rtp/rtp-stream.ts";
import { encodeTimedSei } from "./timed/encode-sei.ts";
import { decodeGoawayMessage, encodeGoawayMessage } from "./timed/goaway-message.ts";
import { decodeTimedMessage, encodeTimedMessage } from "./timed/message.ts";
import { readTimedMessages } from "./timed/read-sei.ts";
import {
  flvBodies,
  H264_VECTORS,
  HEVC_VECTORS,
  loadVideo,
  mutate,
  readVector,
  seededBytes,
  seededNumbers,
} from "./vectors-suite.ts";

/** Every exported decoder: what it takes, good input for it, and whether a cut in good input must be noticed. */
interface Decoder {
  readonly name: string;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly samples: readonly Uint8Array[];
  /** True: any cut in any sample is refused. */
  readonly noticesCuts?: true;
}

const RANDOM_ROUNDS = 400;
const MUTATIONS_PER_SAMPLE = 120;

const h264 = H264_VECTORS.map(loadVideo);
const hevc = HEVC_VECTORS.map(loadVideo);
const h264Nals = (types: readonly number[]) =>
  h264.flatMap(({ nals }) => nals.filter((nal) => types.includes(nalUnitType(nal[0]))).slice(0, 2));
const hevcNals = (type: number) =>
  hevc.flatMap(({ nals }) => nals.filter((nal) => hevcNalUnitType(nal[0]) === type).slice(0, 1));
const streams = h264.map(({ bytes }) => bytes);
const hevcStreams = hevc.map(({ bytes }) => bytes);
const timed = encodeTimedMessage({
  v: 1,
  id: "id",
  type: "cue",
  at: 1_764_000_000_000_000,
  data: { n: [1, "\u0000"] },
});
const withTimed = streams.map((stream) => insertSei(stream, [encodeTimedSei(timed, { alsoPlain: true })]));
const video = flvBodies(9).map(({ body }) => body);
const audio = flvBodies(8).map(({ body }) => body);
const avcC = parseVideoTagBody(video[0] ?? new Uint8Array(0)).data;
const given = { sps: h264Nals([NAL_SPS]).slice(0, 1), pps: h264Nals([NAL_PPS]).slice(0, 1) };
const hevcGiven = { vps: hevcNals(HEVC_VPS), sps: hevcNals(HEVC_SPS), pps: hevcNals(HEVC_PPS) };
const hvcC = joinBytes([
  Uint8Array.from([
    1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3,
  ]),
  ...[...hevcGiven.vps.slice(0, 1), ...hevcGiven.sps.slice(0, 1), ...hevcGiven.pps.slice(0, 1)].map((nal) =>
    Uint8Array.of(0xa0, 0, 1, nal.length >> 8, nal.length & 255, ...nal),
  ),
]);
const catalog = encodeCatalog({
  video: { renditions: { v: { codec: "avc1.64001f", codedWidth: 1280 } } },
  audio: { renditions: { a: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
});
const adts = decodeHex("fff14c80017ffcaabbccdd").map((byte, i) => (i === 5 ? 0x7f : byte));
const surround = encodeOpusHead({
  channels: 6,
  mappingFamily: 1,
  streams: 4,
  coupledStreams: 2,
  mapping: Uint8Array.of(0, 4, 1, 2, 3, 5),
});
const rtpHeader = new RtpHeader();
const hexOf = ({ hex }: { readonly hex: string }) => decodeHex(hex);
const rtpHeaders = readVector<{ packets: readonly { hex: string }[] }>("rtp-headers").packets.map(hexOf);
const rtcp = readVector<{ packets: readonly { hex: string }[] }>("rtcp").packets.map(hexOf);
const rtpPayloads = readVector<{ packets: readonly string[] }>("rtp-h264-ffmpeg")
  .packets.slice(0, 12)
  .map((hex) => decodeHex(hex).subarray(12));

const DECODERS: readonly Decoder[] = [
  { name: "splitAnnexB", decode: splitAnnexB, samples: [...streams, ...hevcStreams] },
  { name: "annexBToAvcc", decode: (bytes) => annexBToLengthPrefixed(bytes), samples: streams },
  {
    name: "avccToAnnexB",
    decode: (bytes) => lengthPrefixedToAnnexB(bytes, 4),
    samples: video.map((body) => body.subarray(5)),
  },
  {
    name: "avccToAnnexB with lengths of 2 bytes",
    decode: (bytes) => lengthPrefixedToAnnexB(bytes, 2),
    samples: streams,
  },
  { name: "splitAvcc", decode: (bytes) => splitLengthPrefixed(bytes, 1), samples: streams },
  { name: "parseAvcDecoderConfig", decode: parseAvcDecoderConfig, samples: [avcC] },
  { name: "parseSps", decode: parseSps, samples: h264Nals([NAL_SPS]) },
  { name: "withLowDelayVui", decode: withLowDelayVui, samples: h264Nals([NAL_SPS]) },
  { name: "peekSliceHeader", decode: (bytes) => peekSliceHeader(bytes), samples: h264Nals([1, 5]) },
  { name: "normalizeAccessUnit", decode: (bytes) => normalizeAccessUnit(bytes, given), samples: streams },
  { name: "isKeyframe", decode: isKeyframe, samples: streams },
  { name: "usesBFrames", decode: usesBFrames, samples: streams },
  { name: "readSei", decode: readSei, samples: [...streams, ...withTimed] },
  { name: "insertSei", decode: (bytes) => insertSei(bytes, [encodeTimedSei(timed)]), samples: streams },
  { name: "parseHevcVps", decode: parseHevcVps, samples: hevcNals(HEVC_VPS) },
  { name: "parseHevcSps", decode: parseHevcSps, samples: hevcNals(HEVC_SPS) },
  { name: "parseHevcPps", decode: parseHevcPps, samples: hevcNals(HEVC_PPS) },
  { name: "parseHevcDecoderConfig", decode: parseHevcDecoderConfig, samples: [hvcC], noticesCuts: true },
  {
    name: "normalizeHevcAccessUnit",
    decode: (bytes) => normalizeHevcAccessUnit(bytes, hevcGiven),
    samples: hevcStreams,
  },
  { name: "isHevcKeyframe", decode: isHevcKeyframe, samples: hevcStreams },
  { name: "readHevcSei", decode: readHevcSei, samples: hevcStreams },
  {
    name: "insertHevcSei",
    decode: (bytes) => insertHevcSei(bytes, [Uint8Array.of(0x4e, 1, 5)]),
    samples: hevcStreams,
  },
  {
    name: "parseAudioSpecificConfig",
    decode: parseAudioSpecificConfig,
    samples: [
      encodeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 }),
      decodeHex("139056e5a0"),
      decodeHex("eb8a0800"),
    ],
  },
  { name: "parseAdtsHeader", decode: (bytes) => parseAdtsHeader(bytes), samples: [adts] },
  { name: "splitAdts", decode: (bytes) => splitAdts(bytes), samples: [adts] },
  { name: "stripAdts", decode: stripAdts, samples: [adts], noticesCuts: true },
  {
    name: "parseOpusHead",
    decode: parseOpusHead,
    samples: [encodeOpusHead({ channels: 2 }), surround],
    noticesCuts: true,
  },
  {
    name: "opusPacketDurationUs",
    decode: opusPacketDurationUs,
    samples: [Uint8Array.of(0xfc, 1), Uint8Array.of(0xff, 3, 1)],
  },
  {
    name: "opusPacketChannels",
    decode: opusPacketChannels,
    samples: [Uint8Array.of(0xfc)],
    noticesCuts: true,
  },
  {
    name: "parseVideoTagBody",
    decode: parseVideoTagBody,
    samples: [
      ...video,
      encodeVideoTagBody({
        codec: "hvc1",
        kind: "frame",
        isKeyframe: true,
        compositionTimeMs: 5,
        data: Uint8Array.of(1, 2),
      }),
    ],
  },
  { name: "parseAudioTagBody", decode: parseAudioTagBody, samples: audio },
  {
    name: "decodeAmf0",
    decode: (bytes) => decodeAmf0(bytes),
    samples: flvBodies(18).map(({ body }) => body),
  },
  {
    name: "decodeLegacyFrame",
    decode: decodeLegacyFrame,
    samples: [encodeLegacyFrame(1_764_000_000_000_000, Uint8Array.of(1))],
  },
  { name: "parseCatalog", decode: (bytes) => parseCatalog(bytes), samples: [catalog], noticesCuts: true },
  {
    name: "decodeGoawayMessage",
    decode: decodeGoawayMessage,
    samples: [encodeUtf8(encodeGoawayMessage("https://edge.example:4443/"))],
  },
  { name: "decodeTimedMessage", decode: decodeTimedMessage, samples: [timed], noticesCuts: true },
  {
    name: "readTimedMessages",
    decode: (bytes) => readTimedMessages(bytes),
    samples: [...streams, ...withTimed],
  },
  {
    name: "readTimedMessages of HEVC",
    decode: (bytes) => readTimedMessages(bytes, "hevc"),
    samples: hevcStreams,
  },
  { name: "RtpHeader", decode: (bytes) => rtpHeader.read(bytes), samples: rtpHeaders },
  {
    name: "findExtension",
    decode: (bytes) => {
      rtpHeader.read(bytes);
      for (let id = 1; id < 16; id += 1) {
        expect(findExtension(bytes, rtpHeader, id)).toBeLessThan(bytes.length + 1);
        textExtension(bytes, rtpHeader, id);
      }
    },
    samples: rtpHeaders,
  },
  {
    name: "H264Depacketizer",
    decode: (bytes) =>
      new H264Depacketizer({ maxAccessUnitBytes: 4_096 }, { onAccessUnit: () => undefined }).push(
        bytes,
        0,
        bytes.length,
        1,
        1,
        true,
      ),
    samples: rtpPayloads,
  },
  {
    name: "restoreRetransmitted",
    decode: (bytes) => {
      rtpHeader.read(bytes);
      return restoreRetransmitted(bytes, rtpHeader, 96, 1);
    },
    samples: rtpHeaders,
  },
  {
    name: "parseRedundantAudio",
    decode: parseRedundantAudio,
    samples: [decodeHex("ef0f00036faabbccddee"), decodeHex("6fddee")],
  },
  {
    name: "primaryOfRedundantAudio",
    decode: primaryOfRedundantAudio,
    samples: [decodeHex("ef0f00036faabbccddee"), decodeHex("6fddee")],
  },
  { name: "parseRtcp", decode: (bytes) => parseRtcp(bytes), samples: rtcp, noticesCuts: true },
  {
    name: "OpusPacketizer",
    decode: (bytes) => new OpusPacketizer(new RtpStream({ ssrc: 1, payloadType: 111 })).packetize(bytes, 0),
    samples: [Uint8Array.of(0xfc, 1)],
  },
];

/** The decoder may accept or refuse, but only with a MediaError. */
function attempt({ name, decode }: Decoder, bytes: Uint8Array): "accepted" | MediaError {
  try {
    decode(bytes);
    return "accepted";
  } catch (error) {
    if (error instanceof MediaError) return error;
    throw new Error(`${name} threw something else on ${Array.from(bytes.subarray(0, 64)).join(",")}`, {
      cause: error,
    });
  }
}

describe.each(DECODERS)("$name", (decoder) => {
  it("takes vectors of real encoders", () => {
    expect(decoder.samples.length).toBeGreaterThan(0);
    const accepted = decoder.samples.filter((sample) => attempt(decoder, sample) === "accepted");
    if (decoder.name !== "avccToAnnexB with lengths of 2 bytes" && decoder.name !== "splitAvcc") {
      expect(accepted.length).toBeGreaterThan(0);
    }
  });

  it("meets a cut at any byte with a value or a MediaError", () => {
    for (const sample of decoder.samples) {
      // Every position of what is short; the head, the tail and a spread of what is long.
      const step = sample.length <= 600 ? 1 : Math.ceil(sample.length / 300);
      for (let end = 0; end < sample.length; end += end < 128 || end > sample.length - 32 ? 1 : step) {
        const result = attempt(decoder, sample.subarray(0, end));
        if (decoder.noticesCuts) expect(result).toBeInstanceOf(MediaError);
      }
    }
  });

  it("does not change its input", () => {
    for (const sample of decoder.samples) {
      const copy = sample.slice();
      attempt(decoder, sample);
      expect(sameBytes(sample, copy)).toBe(true);
    }
  });

  it("meets random bytes with a value or a MediaError", () => {
    const next = seededNumbers(decoder.name.length);
    for (let round = 0; round < RANDOM_ROUNDS; round += 1) {
      const bytes = seededBytes(next, next() % 200);
      const head = decoder.samples[next() % decoder.samples.length]?.subarray(0, next() % 8) ?? bytes;
      attempt(decoder, bytes);
      attempt(decoder, joinBytes([head, bytes]));
    }
  });

  it("meets changed vectors with a value or a MediaError", () => {
    const next = seededNumbers(decoder.name.length + 1000);
    for (const sample of decoder.samples) {
      for (let round = 0; round < MUTATIONS_PER_SAMPLE; round += 1)
        attempt(decoder, mutate(sample.subarray(0, 1500), next));
    }
  });
});
