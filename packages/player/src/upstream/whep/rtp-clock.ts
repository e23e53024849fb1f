/** Seconds from the NTP epoch (1900) to the Unix epoch, RFC 5905 §6. */
const NTP_UNIX_S = 2_208_988_800;

const RTP_RANGE = 2 ** 32;

/** Pairs of RTP and capture time that the estimate looks at: half a minute of them. */
const KEPT_PAIRS = 64;

/** Of fewer the estimate may be off by the jitter of the very first report. */
const MIN_PAIRS = 3;

/**
 * RTP timestamp at the NTP epoch, as the server's description says it for one media section (RFC 7273 §5.2,
 * `a=mediaclk:direct=<offset>`): then media times are known exactly, before the first packet.
 */
export function mediaClockOffset(sdp: string, mid: string): number | undefined {
  for (const section of sdp.split(/^(?=m=)/m).slice(1)) {
    if (/^a=mid:(\S+)\s*$/m.exec(section)?.[1] !== mid) continue;
    const offset = /^a=mediaclk:direct=(\d{1,10})\s*$/m.exec(section)?.[1];
    return offset === undefined ? undefined : Number(offset) % RTP_RANGE;
  }
  return undefined;
}

/**
 * The media time of RTP timestamps, µs since the Unix epoch. Exact from the offset that the server tells; without it
 * from what the browser works out of the sender reports, whose median is within some ms.
 */
export class RtpClock {
  readonly #rate: number;
  #offset: number | undefined;
  readonly #pairs: number[] = [];

  constructor(rateHz: number) {
    this.#rate = rateHz;
  }

  get isExact(): boolean {
    return this.#offset !== undefined;
  }

  get isKnown(): boolean {
    return this.#offset !== undefined || this.#pairs.length >= MIN_PAIRS;
  }

  /** RTP timestamp at the NTP epoch. */
  setOffset(offset: number | undefined): void {
    this.#offset = offset;
  }

  /** A frame with this timestamp was captured at `captureUs`, as far as the browser knows. */
  observe(rtp: number, captureUs: number): void {
    if (this.#offset !== undefined) return;
    // As the time at which the timestamp was 0 most recently; near the end of a round it may be that of before.
    const zeroUs = captureUs - (rtp * 1e6) / this.#rate;
    const first = this.#pairs[0];
    const roundUs = (RTP_RANGE * 1e6) / this.#rate;
    const rounds = first === undefined ? 0 : Math.round((zeroUs - first) / roundUs);
    this.#pairs.push(zeroUs - rounds * roundUs);
    if (this.#pairs.length > KEPT_PAIRS) this.#pairs.shift();
  }

  /**
   * Media time of `rtp`, µs, the one that is nearest to `nearUs` (timestamps come round after hours); undefined while
   * nothing is known.
   */
  toMediaUs(rtp: number, nearUs: number): number | undefined {
    let zeroUs: number;
    if (this.#offset !== undefined) zeroUs = -NTP_UNIX_S * 1e6 - (this.#offset * 1e6) / this.#rate;
    else if (this.isKnown) zeroUs = median(this.#pairs);
    else return undefined;
    const roundUs = (RTP_RANGE * 1e6) / this.#rate;
    const firstUs = zeroUs + (rtp * 1e6) / this.#rate;
    return firstUs + Math.round((nearUs - firstUs) / roundUs) * roundUs;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
