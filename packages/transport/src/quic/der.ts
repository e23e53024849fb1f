/** The few ASN.1 DER forms (ITU-T X.690) that a certificate needs. */

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const BOOLEAN = 0x01;
const GENERALIZED_TIME = 0x18;

/** Tag, length, content. Context-specific tags: 0x80 + n primitive, 0xa0 + n constructed. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), derLength(content.length), content]);
}

export const derSequence = (...items: readonly Uint8Array[]): Buffer => der(SEQUENCE, ...items);
export const derSet = (...items: readonly Uint8Array[]): Buffer => der(SET, ...items);
export const derOctets = (bytes: Uint8Array): Buffer => der(OCTET_STRING, bytes);
export const derUtf8 = (text: string): Buffer => der(UTF8_STRING, Buffer.from(text));
export const derTrue = (): Buffer => der(BOOLEAN, Buffer.from([0xff]));

/** A non-negative integer from big-endian bytes. */
export function derInteger(bytes: Uint8Array): Buffer {
  const sign = ((bytes[0] ?? 0) & 0x80) === 0 ? [] : [0];
  return der(INTEGER, Buffer.from(sign), bytes);
}

/** `unusedBits` counts the bits at the end that say nothing. */
export function derBits(bytes: Uint8Array, unusedBits = 0): Buffer {
  return der(BIT_STRING, Buffer.from([unusedBits]), bytes);
}

/** `20261122070000Z`; seconds are the finest unit that X.509 allows. */
export function derTime(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(GENERALIZED_TIME, Buffer.from(text));
}

/** A dotted object identifier. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
