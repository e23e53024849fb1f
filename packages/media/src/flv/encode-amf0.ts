import { ByteWriter } from "../bytes/byte-writer.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { MediaError } from "../media-error.ts";
import * as amf from "./amf0-value.ts";
import { AmfDate, AmfEcmaArray, type AmfLimits, type AmfObject, type AmfValue } from "./amf0-value.ts";

function writeKey(writer: ByteWriter, key: string): void {
  const bytes = encodeUtf8(key);
  if (bytes.length === 0 || bytes.length > 0xffff) {
    throw new MediaError("malformed", "AMF0 key is empty or over 64 KB", {
      field: "amf0.key",
      actual: bytes.length,
    });
  }
  writer.u16(bytes.length);
  writer.bytes(bytes);
}

function writeEntries(writer: ByteWriter, entries: AmfObject, depth: number, limits: AmfLimits): void {
  for (const [key, value] of Object.entries(entries)) {
    writeKey(writer, key);
    writeValue(writer, value, depth + 1, limits);
  }
  writer.u16(0);
  writer.u8(amf.AMF_OBJECT_END);
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  if (bytes.length > 0xffff) {
    writer.u8(amf.AMF_LONG_STRING);
    writer.u32(bytes.length);
  } else {
    writer.u8(amf.AMF_STRING);
    writer.u16(bytes.length);
  }
  writer.bytes(bytes);
}

function writeValue(writer: ByteWriter, value: AmfValue, depth: number, limits: AmfLimits): void {
  if (depth > limits.maxDepth) {
    throw new MediaError("too-deep", "AMF0 nested too deep", { field: "amf0", limit: limits.maxDepth });
  }
  if (typeof value === "number") {
    writer.u8(amf.AMF_NUMBER);
    writer.f64(value);
  } else if (typeof value === "boolean") {
    writer.u8(amf.AMF_BOOLEAN);
    writer.u8(value ? 1 : 0);
  } else if (typeof value === "string") writeText(writer, value);
  else if (value === null) writer.u8(amf.AMF_NULL);
  else if (value === undefined) writer.u8(amf.AMF_UNDEFINED);
  else if (value instanceof AmfDate) {
    writer.u8(amf.AMF_DATE);
    writer.f64(value.unixMs);
    writer.u16(0);
  } else if (value instanceof AmfEcmaArray) {
    writer.u8(amf.AMF_ECMA_ARRAY);
    writer.u32(Object.keys(value.entries).length);
    writeEntries(writer, value.entries, depth, limits);
  } else if (Array.isArray(value)) {
    writer.u8(amf.AMF_STRICT_ARRAY);
    writer.u32(value.length);
    for (const item of value) writeValue(writer, item as AmfValue, depth + 1, limits);
  } else {
    writer.u8(amf.AMF_OBJECT);
    writeEntries(writer, value as AmfObject, depth, limits);
  }
  if (writer.length > limits.maxBytes) {
    throw new MediaError("too-large", "AMF0 over the size limit", { field: "amf0", limit: limits.maxBytes });
  }
}

/** The values one after the other. @throws MediaError "too-deep" (cycles, too), "too-large", "malformed" (keys). */
export function encodeAmf0(
  values: readonly AmfValue[],
  limits: AmfLimits = amf.DEFAULT_AMF_LIMITS,
): Uint8Array {
  const writer = new ByteWriter(256);
  for (const value of values) writeValue(writer, value, 0, limits);
  return writer.finish();
}
