import { encodeAudioTagBody, encodeVideoTagBody } from "@canopy/media/flv";
import { annexBToAvcc, buildAvcDecoderConfig, joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import type { AudioFormat, EncodedPacket, VideoFormat } from "./encoded-packet.ts";
import { isOutOfBandUnit, readParameterSets } from "./parameter-sets.ts";

/** The video tag body that carries AVCDecoderConfigurationRecord. */
export function videoSequenceHeader(format: VideoFormat): Buffer {
  const data = buildAvcDecoderConfig(readParameterSets(format.parameterSets));
  return asBuffer(encodeVideoTagBody({ codec: "avc1", kind: "sequence-start", isKeyframe: true, data }));
}

/** The video tag body of an access unit: length-prefixed NAL units, composition time in ms. */
export function videoTagBody(packet: EncodedPacket, compositionTimeMs: number): Buffer {
  const units = splitAnnexB(packet.data).filter((unit) => !isOutOfBandUnit(unit));
  const data = annexBToAvcc(joinAnnexB(units));
  const { keyframe: isKeyframe } = packet;
  return asBuffer(encodeVideoTagBody({ codec: "avc1", kind: "frame", isKeyframe, compositionTimeMs, data }));
}

export function audioSequenceHeader(format: AudioFormat): Buffer {
  const data = format.audioSpecificConfig;
  return asBuffer(encodeAudioTagBody({ codec: "mp4a", kind: "sequence-start", data }));
}

export function audioTagBody(packet: EncodedPacket): Buffer {
  return asBuffer(encodeAudioTagBody({ codec: "mp4a", kind: "frame", data: packet.data }));
}

/** The RTMP client's chunk writer copies with Buffer's methods. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
