/** A value of AMF0 (Action Message Format, December 2007) in JavaScript form. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | AmfDate
  | AmfEcmaArray
  | AmfObject
  | readonly AmfValue[];

/** An anonymous or typed object; the class name of a typed one is dropped. */
export interface AmfObject {
  readonly [key: string]: AmfValue;
}

/** §2.13. Unix milliseconds; the time zone field is reserved and written as 0. */
export class AmfDate {
  readonly unixMs: number;
  constructor(unixMs: number) {
    this.unixMs = unixMs;
  }
}

/** §2.10, the form of `onMetaData`; an object with another marker. */
export class AmfEcmaArray {
  readonly entries: AmfObject;
  constructor(entries: AmfObject) {
    this.entries = entries;
  }
}

export interface AmfLimits {
  /** Whole buffer. */
  readonly maxBytes: number;
  /** Nested objects and arrays. */
  readonly maxDepth: number;
  /** All values together, nested ones included. */
  readonly maxValues: number;
  readonly maxStringBytes: number;
}

/** Commands and metadata of real encoders are below 2 KB, five levels and 100 values. */
export const DEFAULT_AMF_LIMITS: AmfLimits = {
  maxBytes: 64 * 1024,
  maxDepth: 16,
  maxValues: 2048,
  maxStringBytes: 16 * 1024,
};

// Markers, §2.1.
export const AMF_NUMBER = 0x00;
export const AMF_BOOLEAN = 0x01;
export const AMF_STRING = 0x02;
export const AMF_OBJECT = 0x03;
export const AMF_NULL = 0x05;
export const AMF_UNDEFINED = 0x06;
export const AMF_REFERENCE = 0x07;
export const AMF_ECMA_ARRAY = 0x08;
export const AMF_OBJECT_END = 0x09;
export const AMF_STRICT_ARRAY = 0x0a;
export const AMF_DATE = 0x0b;
export const AMF_LONG_STRING = 0x0c;
export const AMF_UNSUPPORTED = 0x0d;
export const AMF_XML = 0x0f;
export const AMF_TYPED_OBJECT = 0x10;
