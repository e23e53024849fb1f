import { parseOpusHead } from "../opus/opus-head.ts";
import type { BoxWriter } from "./box-writer.ts";
import type { CmafAudioTrack, CmafVideoTrack } from "./cmaf-track.ts";

/** 72 dpi as 16.16, what every file says. */
const RESOLUTION_72_DPI = 0x0048_0000;
const COMPRESSOR_NAME_BYTES = 32;
const DEPTH_24 = 0x0018;
/** ISO/IEC 14496-1 §7.2.2.1, table 1. */
const ES_DESCRIPTOR = 0x03;
const DECODER_CONFIG_DESCRIPTOR = 0x04;
const DECODER_SPECIFIC_INFO = 0x05;
const SL_CONFIG_DESCRIPTOR = 0x06;
/** Audio ISO/IEC 14496-3 (§7.2.6.6, table 5), streamType 5 audio, reserved bit set. */
const OBJECT_TYPE_AAC = 0x40;
const AUDIO_STREAM = 0x15;
const SL_PREDEFINED_MP4 = 0x02;
/** Sample rates that fit the 16.16 field; others are only in the decoder's own configuration. */
const MAX_ENTRY_RATE = 0xffff;

/** VisualSampleEntry `avc1` or `hvc1`, ISO/IEC 14496-12 §12.1.3 and 14496-15 §5.4.2, §8.4.1. */
export function writeVideoEntry(writer: BoxWriter, track: CmafVideoTrack): void {
  writer.begin(track.codec);
  writer.zeros(6);
  writer.u16(1); // data_reference_index
  writer.zeros(16);
  writer.u16(track.width);
  writer.u16(track.height);
  writer.u32(RESOLUTION_72_DPI);
  writer.u32(RESOLUTION_72_DPI);
  writer.zeros(4);
  writer.u16(1); // frame_count
  writer.zeros(COMPRESSOR_NAME_BYTES);
  writer.u16(DEPTH_24);
  writer.u16(0xffff); // pre_defined -1
  writer.begin(track.codec === "avc1" ? "avcC" : "hvcC");
  writer.bytes(track.config);
  writer.end();
  if (track.aspect !== undefined) {
    writer.begin("pasp");
    writer.u32(track.aspect[0]);
    writer.u32(track.aspect[1]);
    writer.end();
  }
  writer.end();
}

/** AudioSampleEntry, ISO/IEC 14496-12 §12.2.3. */
export function writeAudioEntry(writer: BoxWriter, track: CmafAudioTrack): void {
  writer.begin(track.codec);
  writer.zeros(6);
  writer.u16(1); // data_reference_index
  writer.zeros(8);
  writer.u16(track.channels);
  writer.u16(16); // samplesize
  writer.zeros(4);
  writer.u16(track.sampleRate <= MAX_ENTRY_RATE ? track.sampleRate : 0);
  writer.u16(0);
  if (track.codec === "mp4a") writeEsds(writer, track.config);
  else writeOpusConfig(writer, track.config);
  writer.end();
}

/** ESDescriptor in `esds`, ISO/IEC 14496-14 §6.7.2 and 14496-1 §7.2.6.5. */
function writeEsds(writer: BoxWriter, config: Uint8Array): void {
  const decoderConfigBytes = 13 + 2 + config.length;
  writer.beginFull("esds");
  writer.u8(ES_DESCRIPTOR);
  writer.u8(3 + 2 + decoderConfigBytes + 3);
  writer.u16(0); // ES_ID: 0 in files
  writer.u8(0); // no dependence, URL or clock reference
  writer.u8(DECODER_CONFIG_DESCRIPTOR);
  writer.u8(decoderConfigBytes);
  writer.u8(OBJECT_TYPE_AAC);
  writer.u8(AUDIO_STREAM);
  writer.zeros(3); // bufferSizeDB
  writer.u32(0); // maxBitrate: not known
  writer.u32(0); // avgBitrate: not known
  writer.u8(DECODER_SPECIFIC_INFO);
  writer.u8(config.length);
  writer.bytes(config);
  writer.u8(SL_CONFIG_DESCRIPTOR);
  writer.u8(1);
  writer.u8(SL_PREDEFINED_MP4);
  writer.end();
}

/** `dOps` ("Encapsulation of Opus in ISOBMFF" §4.3.2): OpusHead without its magic, big-endian, version 0. */
function writeOpusConfig(writer: BoxWriter, config: Uint8Array): void {
  const head = parseOpusHead(config);
  writer.begin("dOps");
  writer.u8(0);
  writer.u8(head.channels);
  writer.u16(head.preSkip);
  writer.u32(head.inputSampleRate);
  writer.u16(head.outputGain & 0xffff);
  writer.u8(head.mappingFamily);
  if (head.mappingFamily !== 0) {
    writer.u8(head.streams);
    writer.u8(head.coupledStreams);
    writer.bytes(head.mapping);
  }
  writer.end();
}
