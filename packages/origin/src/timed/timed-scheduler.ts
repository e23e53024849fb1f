import { MediaError } from "@canopy/media";
import { encodeTimedMessage, encodeTimedSei, type Json, type TimedMessage } from "@canopy/media/timed";
import { OriginError } from "../origin-error.ts";
import { RateWindow } from "./rate-window.ts";
import { DEFAULT_REPEAT, MAX_REPEAT, type TimedLimits } from "./timed-limits.ts";

/** What the API takes (contract: `POST …/timed`). */
export interface TimedRequest {
  readonly type: string;
  readonly data: Json;
  /** Media time, µs since the Unix epoch. */
  readonly at?: number;
  /** From now; only without `at`. */
  readonly delayMs?: number;
  /** Access units that carry the message. */
  readonly repeat?: number;
}

export interface ScheduledMessage {
  readonly message: TimedMessage;
  /** The encoded message, for the track. */
  readonly bytes: Uint8Array;
}

export interface TimedSchedulerDeps {
  /** A new ULID. */
  createId(nowMs: number): string;
}

/** The media times of the broadcast at the moment a message is accepted. */
export interface MediaPosition {
  readonly nowUs: number;
  /** Newest timestamp that was sent; undefined before the first frame. */
  readonly newestUs: number | undefined;
  /** False: there is no video to carry SEI; only the track does. */
  readonly hasVideo: boolean;
}

interface Pending {
  readonly at: number;
  readonly sei: Uint8Array;
  readonly repeat: number;
  /** Access units that carried it, by rendition. */
  readonly carried: number[];
  /** Some rendition has carried it as often as wished. */
  served: boolean;
}

/** A rendition that lags behind the first one by more, in media time, is not waited for. */
const RENDITION_LAG_US = 2_000_000;
/** A message that found no picture for this long after its time is not sent any more. */
const FORGET_US = 60_000_000;

/** Shared by all access units without a message. */
const NOTHING: readonly Uint8Array[] = Object.freeze([]);

/**
 * A message without a time is for the next frame. Far enough after the newest one that no player takes it for that one's: HLS and
 * files give times rounded, to a millisecond at worst.
 */
export const AFTER_NEWEST_US = 2_000;

/**
 * Accepts timed messages for one broadcast and hands their SEI to the access units: to the first one in decoding
 * order whose timestamp is not before `at`, and to the following ones, of every rendition.
 */
export class TimedScheduler {
  readonly #limits: TimedLimits;
  readonly #deps: TimedSchedulerDeps;
  readonly #rate: RateWindow;
  /** In order of `at`. */
  readonly #pending: Pending[] = [];
  /** Renditions that have asked for SEI. */
  #renditions = 1;

  constructor(limits: TimedLimits, deps: TimedSchedulerDeps) {
    this.#limits = limits;
    this.#deps = deps;
    this.#rate = new RateWindow(limits.maxMessagesPerSecond, limits.maxBytesPerSecond);
  }

  get pending(): number {
    return this.#pending.length;
  }

  /**
   * An `at` that has passed is moved to just after the newest media time, so that no viewer has presented its frame yet.
   * @throws OriginError `timed-too-large`, `timed-rate`, `timed-invalid`; the message names the limit
   */
  accept(request: TimedRequest, position: MediaPosition): ScheduledMessage {
    const at = this.#resolveAt(request, position);
    const nowMs = position.nowUs / 1_000;
    const message: TimedMessage = {
      v: 1,
      id: this.#deps.createId(nowMs),
      type: request.type,
      at,
      data: request.data,
    };
    const bytes = encode(message);
    if (this.#pending.length >= this.#limits.maxPending) this.#forgetOld(position.nowUs);
    if (position.hasVideo && this.#pending.length >= this.#limits.maxPending) {
      throw new OriginError(
        "timed-rate",
        `${this.#limits.maxPending} timed messages wait for their frame already.`,
      );
    }
    const over = this.#rate.take(nowMs, bytes.length);
    if (over === "messages") {
      throw new OriginError(
        "timed-rate",
        `A broadcast takes at most ${this.#limits.maxMessagesPerSecond} timed messages per second.`,
      );
    }
    if (over === "bytes") {
      throw new OriginError(
        "timed-rate",
        `A broadcast takes at most ${this.#limits.maxBytesPerSecond} bytes of timed messages per second.`,
      );
    }
    if (position.hasVideo) {
      const sei = encodeTimedSei(bytes);
      this.#insert({ at, sei, repeat: repeatOf(request), carried: [], served: false });
    }
    return { message, bytes };
  }

  /**
   * The SEI units of one access unit. Call it once per access unit, in decoding order.
   * @param rendition counts from 0; each carries every message
   */
  take(timestampUs: number, rendition = 0): readonly Uint8Array[] {
    const pending = this.#pending;
    if (rendition >= this.#renditions) this.#renditions = rendition + 1;
    if ((pending[0]?.at ?? Number.POSITIVE_INFINITY) > timestampUs) return NOTHING;
    const units: Uint8Array[] = [];
    let anyOver = false;
    for (const entry of pending) {
      if (entry.at > timestampUs || units.length >= this.#limits.maxPerAccessUnit) break;
      const carried = entry.carried[rendition] ?? 0;
      if (carried < entry.repeat) {
        units.push(entry.sei);
        entry.carried[rendition] = carried + 1;
        if (carried + 1 === entry.repeat) entry.served = true;
      }
      anyOver ||= this.#isOver(entry, timestampUs);
    }
    if (anyOver) this.#removeOver(timestampUs);
    return units;
  }

  /** All renditions have carried it, as far as they are still there. */
  #isOver(entry: Pending, timestampUs: number): boolean {
    if (!entry.served) return false;
    if (timestampUs - entry.at > RENDITION_LAG_US) return true;
    for (let rendition = 0; rendition < this.#renditions; rendition++) {
      if ((entry.carried[rendition] ?? 0) < entry.repeat) return false;
    }
    return true;
  }

  /** Video that stopped long ago will not carry them. */
  #forgetOld(nowUs: number): void {
    let kept = 0;
    for (const entry of this.#pending) if (nowUs - entry.at < FORGET_US) this.#pending[kept++] = entry;
    this.#pending.length = kept;
  }

  #removeOver(timestampUs: number): void {
    const pending = this.#pending;
    let kept = 0;
    for (const entry of pending) if (!this.#isOver(entry, timestampUs)) pending[kept++] = entry;
    pending.length = kept;
  }

  #resolveAt(request: TimedRequest, position: MediaPosition): number {
    const { nowUs, newestUs } = position;
    const earliest = newestUs === undefined ? Math.round(nowUs) : newestUs + AFTER_NEWEST_US;
    let wanted = earliest;
    if (request.at !== undefined) wanted = request.at;
    else if (request.delayMs !== undefined) wanted = Math.round(nowUs + request.delayMs * 1_000);
    if (!Number.isSafeInteger(wanted))
      throw new OriginError("timed-invalid", "`at` is not a time in microseconds.");
    if (wanted - nowUs > this.#limits.maxAheadUs) {
      throw new OriginError("timed-invalid", `\`at\` is more than ${this.#limits.maxAheadUs / 1e6} s ahead.`);
    }
    return Math.max(wanted, earliest);
  }

  #insert(entry: Pending): void {
    const pending = this.#pending;
    let index = pending.length;
    while (index > 0 && (pending[index - 1]?.at ?? 0) > entry.at) index--;
    pending.splice(index, 0, entry);
  }
}

function repeatOf(request: TimedRequest): number {
  return Math.min(MAX_REPEAT, Math.max(1, Math.floor(request.repeat ?? DEFAULT_REPEAT)));
}

function encode(message: TimedMessage): Uint8Array {
  try {
    return encodeTimedMessage(message);
  } catch (cause) {
    if (cause instanceof MediaError && cause.code === "too-large") {
      throw new OriginError(
        "timed-too-large",
        `A timed message is at most ${cause.limit ?? 0} bytes as JSON.`,
        {
          cause,
        },
      );
    }
    throw new OriginError("timed-invalid", "The timed message is not valid.", { cause });
  }
}
