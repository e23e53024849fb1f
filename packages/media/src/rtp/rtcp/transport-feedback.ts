import { MediaError } from "../../media-error.ts";
import { readU16, readU24, readU32, writeU16, writeU24 } from "../big-endian.ts";
import {
  createFeedback,
  FEEDBACK_BYTES,
  RTCP_RTPFB,
  RTPFB_TRANSPORT_CC,
  rtcpTruncated,
} from "./rtcp-header.ts";

/**
 * Arrival times of packets by their transport-wide sequence number, draft-holmer-rmcat-transport-wide-cc-extensions-01
 * §3.1, behind the feedback header:
 *
 *     base sequence(16) packet status count(16)
 *     reference time(24, signed, 64 ms) feedback packet count(8)
 *     packet chunks(16 each), then receive deltas(8 or 16 each, 250 µs)
 */
export interface TransportFeedback {
  readonly kind: "transport-feedback";
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly baseSequence: number;
  /** Counts the feedbacks, modulo 256. */
  readonly feedbackCount: number;
  /** On the receiver's clock, whose start is its own affair. */
  readonly referenceTimeMs: number;
  /** Per packet from `baseSequence` on: µs after the reference time, or `NOT_RECEIVED`. */
  readonly arrivalsUs: Int32Array;
}

export const NOT_RECEIVED = -0x8000_0000;

/** Statuses of one feedback: a feedback every 100 ms covers 40,000 packets a second with it. */
export const MAX_FEEDBACK_STATUSES = 4_096;

const FIXED_BYTES = FEEDBACK_BYTES + 8;
const REFERENCE_TICK_MS = 64;
const DELTA_TICK_US = 250;

/** Symbols, §3.1.1. */
const MISSING = 0;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;

/** Chunks, §3.1.3 and §3.1.4: `0 symbol(2) run(13)`, `1 0 symbols(14 × 1)`, `1 1 symbols(7 × 2)`. */
const VECTOR_BIT = 0x8000;
const TWO_BIT_SYMBOLS = 0x4000;
const ONE_BIT_COUNT = 14;
const TWO_BIT_COUNT = 7;
const MAX_RUN = 0x1fff;

export function parseTransportFeedback(packet: Uint8Array): TransportFeedback {
  if (packet.length < FIXED_BYTES) throw rtcpTruncated("RTCP.transport-cc");
  const count = readU16(packet, FEEDBACK_BYTES + 2);
  if (count > MAX_FEEDBACK_STATUSES) {
    throw new MediaError("too-many", "too many statuses in one transport feedback", {
      field: "RTCP.transport-cc",
      limit: MAX_FEEDBACK_STATUSES,
      actual: count,
    });
  }
  // First the symbols of all packets, then their deltas in the same array.
  const arrivalsUs = new Int32Array(count);
  let at = readSymbols(packet, FIXED_BYTES, arrivalsUs);
  let timeUs = 0;
  for (let i = 0; i < count; i += 1) {
    const symbol = arrivalsUs[i];
    if (symbol === SMALL_DELTA) {
      if (at + 1 > packet.length) throw rtcpTruncated("RTCP.transport-cc");
      timeUs += DELTA_TICK_US * (packet[at] as number);
      at += 1;
      arrivalsUs[i] = timeUs;
    } else if (symbol === LARGE_DELTA) {
      if (at + 2 > packet.length) throw rtcpTruncated("RTCP.transport-cc");
      timeUs += DELTA_TICK_US * ((readU16(packet, at) << 16) >> 16);
      at += 2;
      arrivalsUs[i] = timeUs;
    } else arrivalsUs[i] = NOT_RECEIVED;
  }
  return {
    kind: "transport-feedback",
    senderSsrc: readU32(packet, 4),
    mediaSsrc: readU32(packet, 8),
    baseSequence: readU16(packet, FEEDBACK_BYTES),
    feedbackCount: packet[FEEDBACK_BYTES + 7] as number,
    referenceTimeMs: REFERENCE_TICK_MS * ((readU24(packet, FEEDBACK_BYTES + 4) << 8) >> 8),
    arrivalsUs,
  };
}

/** Fills `symbols` and returns the position behind the chunks. */
function readSymbols(packet: Uint8Array, start: number, symbols: Int32Array): number {
  let at = start;
  let filled = 0;
  while (filled < symbols.length) {
    if (at + 2 > packet.length) throw rtcpTruncated("RTCP.transport-cc");
    const chunk = readU16(packet, at);
    at += 2;
    if ((chunk & VECTOR_BIT) === 0) {
      const run = chunk & MAX_RUN;
      // A run of none would not end the loop in more chunks than the packet has, but says nothing either.
      symbols.fill((chunk >>> 13) & 3, filled, filled + run);
      filled += run;
    } else if ((chunk & TWO_BIT_SYMBOLS) === 0) {
      for (let bit = ONE_BIT_COUNT - 1; bit >= 0 && filled < symbols.length; bit -= 1) {
        symbols[filled] = (chunk >>> bit) & 1;
        filled += 1;
      }
    } else {
      for (let bit = 2 * (TWO_BIT_COUNT - 1); bit >= 0 && filled < symbols.length; bit -= 2) {
        symbols[filled] = (chunk >>> bit) & 3;
        filled += 1;
      }
    }
  }
  return at;
}

/** Largest 16-bit delta, µs. A packet that came later than this after the one before starts a feedback of its own. */
export const MAX_FEEDBACK_GAP_US = 0x7fff * DELTA_TICK_US;

/**
 * `arrivalsUs` as in `TransportFeedback`; each within `MAX_FEEDBACK_GAP_US` of the one before, the first of the
 * reference time, or MediaError "malformed". At most `MAX_FEEDBACK_STATUSES`, or "too-many".
 */
export function encodeTransportFeedback(feedback: Omit<TransportFeedback, "kind">): Uint8Array<ArrayBuffer> {
  const { arrivalsUs } = feedback;
  const count = arrivalsUs.length;
  if (count > MAX_FEEDBACK_STATUSES) {
    throw new MediaError("too-many", "too many statuses in one transport feedback", {
      field: "RTCP.transport-cc",
      limit: MAX_FEEDBACK_STATUSES,
      actual: count,
    });
  }
  const deltas = new Int32Array(count);
  const symbols = new Uint8Array(count);
  let deltaBytes = 0;
  let ticks = 0;
  for (let i = 0; i < count; i += 1) {
    const arrivalUs = arrivalsUs[i] as number;
    if (arrivalUs === NOT_RECEIVED) continue;
    // Rounded as a running sum, so that errors do not add up.
    const delta = Math.round(arrivalUs / DELTA_TICK_US) - ticks;
    if (delta < -0x8000 || delta > 0x7fff) {
      throw new MediaError("malformed", "transport feedback over too long a time", {
        field: "RTCP.transport-cc",
        limit: MAX_FEEDBACK_GAP_US,
        actual: delta * DELTA_TICK_US,
      });
    }
    ticks += delta;
    deltas[i] = delta;
    symbols[i] = delta >= 0 && delta <= 0xff ? SMALL_DELTA : LARGE_DELTA;
    deltaBytes += symbols[i] as number;
  }
  const chunks = chooseChunks(symbols);
  const bytes = (FIXED_BYTES + 2 * chunks.length + deltaBytes + 3) & ~3;
  const packet = createFeedback(
    RTCP_RTPFB,
    RTPFB_TRANSPORT_CC,
    bytes,
    feedback.senderSsrc,
    feedback.mediaSsrc,
  );
  writeU16(packet, FEEDBACK_BYTES, feedback.baseSequence);
  writeU16(packet, FEEDBACK_BYTES + 2, count);
  writeU24(packet, FEEDBACK_BYTES + 4, Math.floor(feedback.referenceTimeMs / REFERENCE_TICK_MS));
  packet[FEEDBACK_BYTES + 7] = feedback.feedbackCount;
  let at = FIXED_BYTES;
  for (const chunk of chunks) {
    writeU16(packet, at, chunk);
    at += 2;
  }
  for (let i = 0; i < count; i += 1) {
    const delta = deltas[i] as number;
    if (symbols[i] === SMALL_DELTA) {
      packet[at] = delta;
      at += 1;
    } else if (symbols[i] === LARGE_DELTA) {
      writeU16(packet, at, delta);
      at += 2;
    }
  }
  return packet;
}

/** A run where at least a vector's worth of packets agree, else the densest vector that can say it. */
function chooseChunks(symbols: Uint8Array): number[] {
  const chunks: number[] = [];
  let at = 0;
  while (at < symbols.length) {
    const symbol = symbols[at] as number;
    let run = 1;
    while (at + run < symbols.length && symbols[at + run] === symbol && run < MAX_RUN) run += 1;
    if (run >= ONE_BIT_COUNT || at + run === symbols.length) {
      chunks.push((symbol << 13) | run);
      at += run;
      continue;
    }
    const hasLarge = symbols.subarray(at, at + ONE_BIT_COUNT).includes(LARGE_DELTA);
    const width = hasLarge ? 2 : 1;
    const size = hasLarge ? TWO_BIT_COUNT : ONE_BIT_COUNT;
    let chunk = hasLarge ? VECTOR_BIT | TWO_BIT_SYMBOLS : VECTOR_BIT;
    for (let i = 0; i < size; i += 1) {
      chunk |= (symbols[at + i] ?? MISSING) << (width * (size - 1 - i));
    }
    chunks.push(chunk);
    at += size;
  }
  return chunks;
}
