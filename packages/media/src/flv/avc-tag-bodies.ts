import { buildAvcDecoderConfig } from "../h264/avc-decoder-config.ts";
import { type AvcParameterSets, annexBToAvcSample } from "../h264/parameter-sets.ts";
import { encodeVideoTagBody } from "./encode-video-tag.ts";

/** The video tag body that carries AVCDecoderConfigurationRecord. */
export function avcSequenceHeaderBody(sets: AvcParameterSets): Uint8Array {
  const data = buildAvcDecoderConfig(sets);
  return encodeVideoTagBody({ codec: "avc1", kind: "sequence-start", isKeyframe: true, data });
}

/** The video tag body of an Annex B access unit: length-prefixed NAL units, SEI among them. */
export function avcFrameBody(annexB: Uint8Array, isKeyframe: boolean, compositionTimeMs: number): Uint8Array {
  const data = annexBToAvcSample(annexB);
  return encodeVideoTagBody({ codec: "avc1", kind: "frame", isKeyframe, compositionTimeMs, data });
}
