import { encodeUtf8 } from "../bytes/utf8.ts";
import { MediaError } from "../media-error.ts";
import { BoxWriter } from "./box-writer.ts";

/** Scheme of ID3 in `emsg` (AOM, "Carriage of ID3 Timed Metadata in CMAF" §2). */
export const EMSG_ID3_SCHEME = "https://aomedia.org/emsg/ID3";
/** Four groups of seven bits. */
const MAX_SYNCHSAFE = 0x0fff_ffff;
const ENCODING_UTF8 = 3;
/** The event's duration is not known (ISO/IEC 23009-1 §5.10.3.3.3). */
const UNKNOWN_DURATION = 0xffff_ffff;

export interface EventMessage {
  /** Tells copies of one event from another event. */
  readonly id: number;
  /** In `timescale`. */
  readonly presentationTime: number;
  readonly timescale: number;
  readonly scheme: string;
  readonly value?: string;
  readonly data: Uint8Array;
}

/** An `emsg` box of version 1, whose time is on the track's timeline (ISO/IEC 23009-1 §5.10.3.3). */
export function encodeEmsg(event: EventMessage): Uint8Array<ArrayBuffer> {
  const writer = new BoxWriter(64 + event.scheme.length + event.data.length);
  writer.beginFull("emsg", 1);
  writer.u32(event.timescale);
  writer.u64(event.presentationTime);
  writer.u32(UNKNOWN_DURATION);
  writer.u32(event.id);
  writer.cString(event.scheme);
  writer.cString(event.value ?? "");
  writer.bytes(event.data);
  writer.end();
  return writer.finish();
}

function writeSynchsafe(writer: BoxWriter, value: number): void {
  if (value > MAX_SYNCHSAFE) throw new MediaError("too-large", "ID3 tag over its limit", { field: "id3" });
  for (const shift of [21, 14, 7, 0]) writer.u8((value >>> shift) & 0x7f);
}

/** An ID3v2.4 tag with one TXXX frame (id3v2.4.0-structure §3.1, -frames §4.2.6). `text` is UTF-8. */
export function encodeId3Text(description: string, text: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = encodeUtf8(description);
  const bodyBytes = 1 + name.length + 1 + text.length + 1;
  const writer = new BoxWriter(20 + bodyBytes);
  writer.text("ID3");
  writer.u16(0x0400); // version 2.4.0
  writer.u8(0);
  writeSynchsafe(writer, 10 + bodyBytes);
  writer.text("TXXX");
  writeSynchsafe(writer, bodyBytes);
  writer.u16(0);
  writer.u8(ENCODING_UTF8);
  writer.bytes(name);
  writer.u8(0);
  writer.bytes(text);
  writer.u8(0);
  return writer.finish();
}
