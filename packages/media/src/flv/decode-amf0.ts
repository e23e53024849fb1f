import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../media-error.ts";
import * as amf from "./amf0-value.ts";
import { AmfDate, AmfEcmaArray, type AmfLimits, type AmfObject, type AmfValue } from "./amf0-value.ts";

/** Reads values and counts them against the limits before it takes memory for them. */
class AmfDecoder {
  readonly #reader: ByteReader;
  readonly #limits: AmfLimits;
  #values = 0;

  constructor(bytes: Uint8Array, limits: AmfLimits) {
    this.#reader = new ByteReader(bytes, "amf0");
    this.#limits = limits;
  }

  get left(): number {
    return this.#reader.left;
  }

  value(depth: number): AmfValue {
    this.#values += 1;
    if (this.#values > this.#limits.maxValues) {
      throw new MediaError("too-many", "too many AMF0 values", {
        field: "amf0",
        limit: this.#limits.maxValues,
      });
    }
    if (depth > this.#limits.maxDepth) {
      throw new MediaError("too-deep", "AMF0 nested too deep", {
        field: "amf0",
        limit: this.#limits.maxDepth,
      });
    }
    const marker = this.#reader.u8();
    switch (marker) {
      case amf.AMF_NUMBER:
        return this.#reader.f64();
      case amf.AMF_BOOLEAN:
        return this.#reader.u8() !== 0;
      case amf.AMF_STRING:
        return this.#text(this.#reader.u16());
      case amf.AMF_LONG_STRING:
      case amf.AMF_XML:
        return this.#text(this.#reader.u32());
      case amf.AMF_TYPED_OBJECT:
        this.#text(this.#reader.u16());
        return this.#object(depth);
      case amf.AMF_OBJECT:
        return this.#object(depth);
      case amf.AMF_ECMA_ARRAY:
        // The count is only a hint (§2.10), and encoders write 0 or nonsense.
        this.#reader.u32();
        return new AmfEcmaArray(this.#object(depth));
      case amf.AMF_STRICT_ARRAY:
        return this.#array(depth);
      case amf.AMF_DATE: {
        const unixMs = this.#reader.f64();
        this.#reader.u16();
        return new AmfDate(unixMs);
      }
      case amf.AMF_NULL:
        return null;
      case amf.AMF_UNDEFINED:
      case amf.AMF_UNSUPPORTED:
        return undefined;
      default:
        // References would allow cycles, and movie clips, record sets and AMF3 have no use in RTMP or FLV.
        throw new MediaError("unsupported", "AMF0 type is not supported", {
          field: "amf0.marker",
          actual: marker,
        });
    }
  }

  #text(bytes: number): string {
    if (bytes > this.#limits.maxStringBytes) {
      throw new MediaError("too-large", "AMF0 string over the size limit", {
        field: "amf0.string",
        limit: this.#limits.maxStringBytes,
        actual: bytes,
      });
    }
    return this.#reader.utf8(bytes);
  }

  #object(depth: number): AmfObject {
    const entries: [string, AmfValue][] = [];
    for (;;) {
      const key = this.#text(this.#reader.u16());
      if (key === "") {
        const end = this.#reader.u8();
        if (end === amf.AMF_OBJECT_END) break;
        throw new MediaError("malformed", "AMF0 object without its end", {
          field: "amf0.object",
          actual: end,
        });
      }
      entries.push([key, this.value(depth + 1)]);
    }
    // fromEntries defines own properties, so that a key `__proto__` stays data.
    return Object.fromEntries(entries);
  }

  #array(depth: number): AmfValue[] {
    const count = this.#reader.u32();
    // Every value takes a byte at least: a count above what is left cannot be true.
    if (count > this.#reader.left) {
      throw new MediaError("truncated", "AMF0 array ends early", { field: "amf0.array", actual: count });
    }
    const values: AmfValue[] = [];
    for (let i = 0; i < count; i += 1) values.push(this.value(depth + 1));
    return values;
  }
}

/**
 * All values of a buffer, e.g. name, transaction id and arguments of a command.
 * @throws MediaError "truncated", "malformed", "unsupported", "too-large", "too-many", "too-deep".
 */
export function decodeAmf0(bytes: Uint8Array, limits: AmfLimits = amf.DEFAULT_AMF_LIMITS): AmfValue[] {
  if (bytes.length > limits.maxBytes) {
    throw new MediaError("too-large", "AMF0 over the size limit", {
      field: "amf0",
      limit: limits.maxBytes,
      actual: bytes.length,
    });
  }
  const decoder = new AmfDecoder(bytes, limits);
  const values: AmfValue[] = [];
  while (decoder.left > 0) values.push(decoder.value(0));
  return values;
}
