import { isSlice, NAL_AUD, NAL_IDR, nalUnitType } from "../h264/nal-unit-type.ts";
import { MediaError } from "../media-error.ts";
import { MAX_NALS_PER_ACCESS_UNIT, tooManyNals } from "../nal/limits.ts";
import { readU16 } from "./big-endian.ts";
import { FU_A, FU_END_BIT, FU_HEADER_BYTES, FU_START_BIT, STAP_A, STAP_SIZE_BYTES } from "./h264-payload.ts";
import { nextSequence, sequenceDistance } from "./sequence-number.ts";

export interface H264AccessUnit {
  /** Annex B with four-byte start codes, as sent: parameter sets are where the sender put them. The receiver's. */
  readonly bytes: Uint8Array;
  readonly rtpTimestamp: number;
  /** Holds a slice of an IDR picture. */
  readonly isKeyframe: boolean;
  /** Something between the unit before and this one is missing: unless this is a keyframe, it may not decode. */
  readonly followsLoss: boolean;
}

export interface H264DepacketizerOptions {
  /** Largest access unit, start codes included. Worst case of memory per stream: twice that. */
  readonly maxAccessUnitBytes?: number;
}

export interface H264DepacketizerDeps {
  /** Called with every complete access unit, in order. */
  readonly onAccessUnit: (unit: H264AccessUnit) => void;
}

/** A 4K intra picture at the highest level stays under it. */
export const MAX_ACCESS_UNIT_BYTES = 8 * 1024 * 1024;

/** Most access units of streams of a few Mbit/s fit without growing. */
const FIRST_BUFFER_BYTES = 64 * 1024;
const START_CODE_BYTES = 4;

/**
 * RTP payloads, in the order of their sequence numbers, into access units: single NAL units, STAP-A and FU-A, which
 * is packetization modes 0 and 1 (RFC 6184 §6). A unit ends at the marker bit or where the timestamp changes. One
 * with a part missing is not delivered; the next one says so with `followsLoss`.
 */
export class H264Depacketizer {
  readonly #maxAccessUnitBytes: number;
  readonly #onAccessUnit: (unit: H264AccessUnit) => void;
  #buffer: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES);
  #length = 0;
  #nals = 0;
  #timestamp = 0;
  #isOpen = false;
  #isDamaged = false;
  #isKeyframe = false;
  /** A FU-A has begun and not ended. */
  #inFragment = false;
  #followsLoss = false;
  #expected = -1;

  constructor(options: H264DepacketizerOptions, deps: H264DepacketizerDeps) {
    this.#maxAccessUnitBytes = options.maxAccessUnitBytes ?? MAX_ACCESS_UNIT_BYTES;
    this.#onAccessUnit = deps.onAccessUnit;
  }

  /**
   * Takes the next payload (from `start` to `end` of `packet`, borrowed for the call). A sequence number that is not
   * the next one stands for loss, and so does the very first one; one behind is passed over.
   * @throws MediaError "truncated", "malformed", "too-large", "too-many", or "unsupported" for the interleaved mode
   * and reserved types. The access unit is given up then, and the next packet can be pushed.
   */
  push(
    packet: Uint8Array,
    start: number,
    end: number,
    sequence: number,
    timestamp: number,
    marker: boolean,
  ): void {
    const ahead = this.#expected < 0 ? 1 : sequenceDistance(this.#expected, sequence);
    if (ahead < 0) return;
    if (ahead > 0) this.#lose(packet, start, end, timestamp);
    this.#expected = nextSequence(sequence);
    // Padding alone (probes of the sender's bandwidth estimation) belongs to no picture.
    if (end <= start) return;
    if (this.#isOpen && timestamp !== this.#timestamp) this.#finish();
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#timestamp = timestamp;
    }
    try {
      this.#take(packet, start, end);
    } catch (error) {
      this.#isDamaged = true;
      this.#inFragment = false;
      if (marker) this.#finish();
      throw error;
    }
    if (marker) this.#finish();
  }

  /** The source has started anew: what is open is given up, and the next packet may have any sequence number. */
  restart(): void {
    this.#reset();
    this.#expected = -1;
  }

  /** What is missing may be the end of the open unit, whole units, and the start of the one that goes on here. */
  #lose(packet: Uint8Array, start: number, end: number, timestamp: number): void {
    if (this.#isOpen) {
      this.#isDamaged = true;
      this.#inFragment = false;
      if (timestamp === this.#timestamp) return;
      this.#finish();
    }
    this.#followsLoss = true;
    if (end > start && !beginsAccessUnit(packet, start, end)) {
      this.#isOpen = true;
      this.#timestamp = timestamp;
      this.#isDamaged = true;
    }
  }

  #take(packet: Uint8Array, start: number, end: number): void {
    const type = nalUnitType(packet[start]);
    if (type === FU_A) this.#takeFragment(packet, start, end);
    else if (this.#inFragment) {
      throw new MediaError("malformed", "FU-A without its end", { field: "h264.fu-a" });
    } else if (type === STAP_A) this.#takeAggregate(packet, start, end);
    else if (type > 0 && type < STAP_A) {
      this.#beginNal(packet[start] as number);
      this.#append(packet, start + 1, end);
    } else {
      throw new MediaError("unsupported", "payload type of the interleaved mode, or a reserved one", {
        field: "h264.payload",
        actual: type,
      });
    }
  }

  #takeAggregate(packet: Uint8Array, start: number, end: number): void {
    let at = start + 1;
    while (at < end) {
      if (at + STAP_SIZE_BYTES > end)
        throw new MediaError("truncated", "STAP-A ends early", { field: "h264.stap-a" });
      const size = readU16(packet, at);
      at += STAP_SIZE_BYTES;
      if (size > end - at) {
        throw new MediaError("truncated", "STAP-A ends early", {
          field: "h264.stap-a",
          limit: end - at,
          actual: size,
        });
      }
      if (size > 0) {
        const type = nalUnitType(packet[at]);
        if (type === 0 || type >= STAP_A) {
          throw new MediaError("malformed", "no NAL unit in STAP-A", { field: "h264.stap-a", actual: type });
        }
        this.#beginNal(packet[at] as number);
        this.#append(packet, at + 1, at + size);
      }
      at += size;
    }
  }

  #takeFragment(packet: Uint8Array, start: number, end: number): void {
    if (end - start < FU_HEADER_BYTES + 1)
      throw new MediaError("truncated", "FU-A ends early", { field: "h264.fu-a" });
    const header = packet[start + 1] as number;
    if ((header & FU_START_BIT) !== 0) {
      const type = header & 0x1f;
      if (this.#inFragment || type === 0 || type >= STAP_A) {
        throw new MediaError("malformed", "FU-A starts inside another one, or is no NAL unit", {
          field: "h264.fu-a",
          actual: type,
        });
      }
      this.#inFragment = true;
      this.#beginNal(((packet[start] as number) & 0xe0) | type);
    } else if (!this.#inFragment) {
      // After loss that is what is left of a unit; it is known to be damaged.
      if (this.#isDamaged) return;
      throw new MediaError("malformed", "FU-A without its start", { field: "h264.fu-a" });
    }
    this.#append(packet, start + FU_HEADER_BYTES, end);
    if ((header & FU_END_BIT) !== 0) this.#inFragment = false;
  }

  #beginNal(header: number): void {
    if (this.#nals === MAX_NALS_PER_ACCESS_UNIT) throw tooManyNals(MAX_NALS_PER_ACCESS_UNIT);
    this.#nals += 1;
    if (nalUnitType(header) === NAL_IDR) this.#isKeyframe = true;
    this.#reserve(START_CODE_BYTES + 1);
    const buffer = this.#buffer;
    const at = this.#length;
    buffer[at] = 0;
    buffer[at + 1] = 0;
    buffer[at + 2] = 0;
    buffer[at + 3] = 1;
    buffer[at + 4] = header;
    this.#length = at + START_CODE_BYTES + 1;
  }

  #append(packet: Uint8Array, start: number, end: number): void {
    // Not worth keeping: the unit will not be delivered.
    if (this.#isDamaged) return;
    this.#reserve(end - start);
    this.#buffer.set(packet.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#maxAccessUnitBytes) {
      throw new MediaError("too-large", "access unit over the size limit", {
        field: "h264",
        limit: this.#maxAccessUnitBytes,
        actual: needed,
      });
    }
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(
      Math.min(this.#maxAccessUnitBytes, Math.max(needed, 2 * this.#buffer.length)),
    );
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  #finish(): void {
    if (this.#inFragment) this.#isDamaged = true;
    const isWhole = !this.#isDamaged && this.#length > 0;
    const unit = {
      bytes: isWhole ? this.#buffer.slice(0, this.#length) : NO_BYTES,
      rtpTimestamp: this.#timestamp,
      isKeyframe: this.#isKeyframe,
      followsLoss: this.#followsLoss,
    };
    this.#followsLoss = this.#isDamaged;
    this.#reset();
    if (isWhole) this.#onAccessUnit(unit);
  }

  #reset(): void {
    this.#isOpen = false;
    this.#isDamaged = false;
    this.#isKeyframe = false;
    this.#inFragment = false;
    this.#length = 0;
    this.#nals = 0;
  }
}

const NO_BYTES = new Uint8Array(0);

/**
 * True if no earlier packet can belong to the same access unit: it starts with what stands in front of slices
 * (ISO/IEC 14496-10 §7.4.1.2.3), or with the first macroblock (first_mb_in_slice = 0 is the bit 1). A unit whose SEI
 * came in a packet that is lost passes for whole, which costs no picture.
 */
function beginsAccessUnit(packet: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let type = nalUnitType(packet[at]);
  if (type === STAP_A) {
    at += 1 + STAP_SIZE_BYTES;
    type = nalUnitType(packet[at]);
  } else if (type === FU_A) {
    const header = packet[start + 1] as number;
    if ((header & FU_START_BIT) === 0) return false;
    at += 1;
    type = header & 0x1f;
  }
  if (at + 1 >= end) return false;
  if (isSlice(type)) return ((packet[at + 1] as number) & 0x80) !== 0;
  return type > NAL_IDR && type <= NAL_AUD;
}
