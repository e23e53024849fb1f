import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";

/** The identification header of RFC 7845 §5.1, which is also the `description` of an Opus rendition. */
export interface OpusHead {
  readonly channels: number;
  /** Samples at 48 kHz to leave out at the start. */
  readonly preSkip: number;
  /** Of the original sound, Hz; informative, Opus always plays at 48 kHz. 0: unknown. */
  readonly inputSampleRate: number;
  /** Q7.8 in dB. */
  readonly outputGain: number;
  /** 0: mono or stereo without a table. */
  readonly mappingFamily: number;
  readonly streams: number;
  readonly coupledStreams: number;
  /** One entry per channel for families other than 0. */
  readonly mapping: Uint8Array;
}

/** "OpusHead". */
const MAGIC: readonly number[] = [0x4f, 0x70, 0x75, 0x73, 0x48, 0x65, 0x61, 0x64];

function malformed(field: string, actual: number): MediaError {
  return new MediaError("malformed", `OpusHead ${field} is out of range`, {
    field: `OpusHead.${field}`,
    actual,
  });
}

/** @throws MediaError "truncated", "malformed", "unsupported" (a major version other than 0). */
export function parseOpusHead(bytes: Uint8Array): OpusHead {
  const reader = new ByteReader(bytes, "OpusHead");
  for (const expected of MAGIC) if (reader.u8() !== expected) throw malformed("magic", expected);
  const version = reader.u8();
  // Minor versions are compatible; the upper half is the major one.
  if (version >= 16) throw new MediaError("unsupported", "OpusHead version", { actual: version });
  const channels = reader.u8();
  if (channels === 0) throw malformed("channels", channels);
  const preSkip = reader.u16le();
  const inputSampleRate = reader.u32le();
  const outputGain = reader.i16le();
  const mappingFamily = reader.u8();
  const common = { channels, preSkip, inputSampleRate, outputGain, mappingFamily };
  if (mappingFamily === 0) {
    if (channels > 2) throw malformed("channels", channels);
    return { ...common, streams: 1, coupledStreams: channels - 1, mapping: new Uint8Array(0) };
  }
  const streams = reader.u8();
  const coupledStreams = reader.u8();
  if (streams === 0) throw malformed("streams", streams);
  if (coupledStreams > streams || streams + coupledStreams > 255)
    throw malformed("coupledStreams", coupledStreams);
  const mapping = reader.take(channels);
  for (const entry of mapping) {
    if (entry !== 255 && entry >= streams + coupledStreams) throw malformed("mapping", entry);
  }
  return { ...common, streams, coupledStreams, mapping };
}

/** The header for `head`; by default mono or stereo, no gain, libopus' usual pre-skip of 312 samples. */
export function encodeOpusHead(head: Partial<OpusHead> & { readonly channels: number }): Uint8Array {
  const { channels, mappingFamily = 0, mapping = new Uint8Array(0) } = head;
  if (!Number.isInteger(channels) || channels < 1 || channels > (mappingFamily === 0 ? 2 : 255)) {
    throw malformed("channels", channels);
  }
  const writer = new ByteWriter(32);
  for (const byte of MAGIC) writer.u8(byte);
  writer.u8(1);
  writer.u8(channels);
  writer.u16le(head.preSkip ?? 312);
  writer.u32le(head.inputSampleRate ?? 48_000);
  writer.i16le(head.outputGain ?? 0);
  writer.u8(mappingFamily);
  if (mappingFamily !== 0) {
    if (mapping.length !== channels) throw malformed("mapping", mapping.length);
    writer.u8(head.streams ?? 1);
    writer.u8(head.coupledStreams ?? 0);
    writer.bytes(mapping);
  }
  return writer.finish();
}
