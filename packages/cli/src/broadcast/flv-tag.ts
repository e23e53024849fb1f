import { annexBUnits, isOutOfBandUnit, parameterSets } from "./annexb-units.ts";
import { BroadcastError } from "./broadcast-error.ts";
import type { AudioFormat, EncodedPacket, VideoFormat } from "./encoded-packet.ts";

/** VideoTagHeader (FLV 10.1, E.4.3.1): frame type in the high, codec 7 (AVC) in the low half. */
const AVC_KEYFRAME = 0x17;
const AVC_INTER_FRAME = 0x27;
const AVC_SEQUENCE_HEADER = 0;
const AVC_NAL_UNITS = 1;
/** AudioTagHeader (E.4.2.1): AAC, and by its rule 44 kHz, 16 bit, stereo whatever the content is. */
const AAC_HEADER = 0xaf;
const AAC_SEQUENCE_HEADER = 0;
const AAC_RAW = 1;

/** The video tag body that carries AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1.2). */
export function videoSequenceHeader(format: VideoFormat): Buffer {
  const sets = parameterSets(format.parameterSets);
  if (!sets) throw new BroadcastError("source_unsupported", "the video has no SPS and PPS");
  const { sps, pps } = sets;
  const head = Buffer.from([AVC_KEYFRAME, AVC_SEQUENCE_HEADER, 0, 0, 0, 1]);
  const config = Buffer.from([sps[1] ?? 0, sps[2] ?? 0, sps[3] ?? 0, 0xff, 0xe1]);
  return Buffer.concat([head, config, lengthPrefix16(sps), sps, Buffer.from([1]), lengthPrefix16(pps), pps]);
}

/** The video tag body of an access unit: length-prefixed NAL units, composition time in ms. */
export function videoTagBody(packet: EncodedPacket, compositionMs: number): Buffer {
  const units = annexBUnits(packet.data).filter((unit) => !isOutOfBandUnit(unit));
  let bytes = 5;
  for (const unit of units) bytes += 4 + unit.length;
  const body = Buffer.allocUnsafe(bytes);
  body[0] = packet.keyframe ? AVC_KEYFRAME : AVC_INTER_FRAME;
  body[1] = AVC_NAL_UNITS;
  body.writeIntBE(compositionMs, 2, 3);
  let at = 5;
  for (const unit of units) {
    at = body.writeUInt32BE(unit.length, at);
    body.set(unit, at);
    at += unit.length;
  }
  return body;
}

export function audioSequenceHeader(format: AudioFormat): Buffer {
  return Buffer.concat([Buffer.from([AAC_HEADER, AAC_SEQUENCE_HEADER]), format.audioSpecificConfig]);
}

export function audioTagBody(packet: EncodedPacket): Buffer {
  return Buffer.concat([Buffer.from([AAC_HEADER, AAC_RAW]), packet.data]);
}

function lengthPrefix16(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16BE(bytes.length);
  return prefix;
}
