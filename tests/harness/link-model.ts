import { seededRandom } from "./seeded-random.ts";

/** How one direction of a path treats packets. Everything left out is ideal. */
export interface LinkOptions {
  /** Share of packets that are lost, 0 to 1, each one on its own. */
  readonly lossRate: number;
  readonly delayMs: number;
  /** Added to the delay, evenly from 0 to this. A late packet holds up the ones behind it, as a queue does. */
  readonly jitterMs: number;
  /** Share of packets that are overtaken, 0 to 1. */
  readonly reorderRate: number;
  /** By how much such a packet is later than it would have been. */
  readonly reorderDelayMs: number;
  /** Share of packets that arrive twice, 0 to 1. */
  readonly duplicateRate: number;
  /** Rate of the bottleneck; undefined = as fast as they come. */
  readonly bitsPerSecond: number | undefined;
  /** Bytes that may wait in front of the bottleneck; what comes on top is lost. */
  readonly bottleneckBytes: number;
}

export const IDEAL_LINK: LinkOptions = {
  lossRate: 0,
  delayMs: 0,
  jitterMs: 0,
  reorderRate: 0,
  reorderDelayMs: 20,
  duplicateRate: 0,
  bitsPerSecond: undefined,
  bottleneckBytes: 256_000,
};

export interface LinkCounters {
  packets: number;
  bytes: number;
  lost: number;
  /** Lost because too much waited in front of the bottleneck. */
  overflowed: number;
  reordered: number;
  duplicated: number;
}

export function emptyLinkCounters(): LinkCounters {
  return { packets: 0, bytes: 0, lost: 0, overflowed: 0, reordered: 0, duplicated: 0 };
}

/** What happens to one packet: times of its delivery in ms, none if it is lost, two if it arrives twice. */
export type PacketFate = readonly number[];

const LOST: PacketFate = [];

/**
 * One direction of one path, without sockets and clocks. The n-th packet draws the same random numbers whatever
 * the options are and whenever it comes, so that the decisions of a seed stay the same from run to run.
 */
export class LinkModel {
  options: LinkOptions;
  readonly #random: () => number;
  readonly #counters: LinkCounters;
  #bottleneckFreeAtMs = 0;
  #lastDeliveryMs = 0;

  constructor(seed: number, options: LinkOptions, counters: LinkCounters) {
    this.options = options;
    this.#random = seededRandom(seed);
    this.#counters = counters;
  }

  /** Decides about the next packet, which came at `nowMs`. */
  next(bytes: number, nowMs: number): PacketFate {
    const loss = this.#random();
    const jitter = this.#random();
    const reorder = this.#random();
    const duplicate = this.#random();
    const { options } = this;
    const counters = this.#counters;
    counters.packets++;
    counters.bytes += bytes;
    if (loss < options.lossRate) {
      counters.lost++;
      return LOST;
    }
    let sentMs = nowMs;
    if (options.bitsPerSecond !== undefined) {
      const startMs = Math.max(nowMs, this.#bottleneckFreeAtMs);
      const waitingBytes = ((startMs - nowMs) / 1000) * (options.bitsPerSecond / 8);
      if (waitingBytes + bytes > options.bottleneckBytes) {
        counters.overflowed++;
        return LOST;
      }
      sentMs = startMs + ((bytes * 8) / options.bitsPerSecond) * 1000;
      this.#bottleneckFreeAtMs = sentMs;
    }
    let deliveryMs = Math.max(sentMs + options.delayMs + jitter * options.jitterMs, this.#lastDeliveryMs);
    if (reorder < options.reorderRate) {
      counters.reordered++;
      deliveryMs += options.reorderDelayMs;
    } else {
      this.#lastDeliveryMs = deliveryMs;
    }
    if (duplicate >= options.duplicateRate) return [deliveryMs];
    counters.duplicated++;
    return [deliveryMs, deliveryMs];
  }
}
