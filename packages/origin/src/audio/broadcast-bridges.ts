import type { AudioRendition } from "@canopy/media/catalog";
import { ERROR_CODES, type TrackInfo } from "@canopy/protocol";
import type { Broadcast, Track, TrackFeed } from "@canopy/relay";
import { AudioLane } from "../ingest/audio-lane.ts";
import { TrackMeter } from "../ingest/track-meter.ts";
import type { OriginError } from "../origin-error.ts";
import { BridgeFeed } from "./bridge-feed.ts";
import type { AudioBridgeOptions } from "./bridge-options.ts";
import { type BridgePlan, decodesAlike, planBridges } from "./plan-bridges.ts";
import type { TranscoderThread } from "./transcoder-thread.ts";

export interface BroadcastBridgesOptions extends AudioBridgeOptions {
  /** Span of one group, ms; that of the original. */
  readonly groupMs: number;
}

export interface BroadcastBridgesDeps {
  readonly broadcast: Broadcast;
  readonly transcoders: TranscoderThread;
  /** How a track of sound is made in the store. */
  readonly trackInfo: TrackInfo;
}

/** A bridged track as the API shows it. */
export interface BridgeState {
  readonly name: string;
  readonly source: string;
  readonly rendition: AudioRendition;
  /** Somebody follows it, so it is being made. */
  readonly active: boolean;
  /** Measured, bits per second. */
  readonly bitrateBps: number;
}

interface Bridge {
  plan: BridgePlan;
  /** What `plan` was made from. */
  original: AudioRendition;
  feed: BridgeFeed | undefined;
  meter: TrackMeter;
}

/**
 * The renditions of one broadcast's sound that this origin can make: they stand in the catalog from the start and are
 * offered to the store, which asks for them when somebody follows them and lets go when nobody has for a while.
 */
export class BroadcastBridges {
  readonly #options: BroadcastBridgesOptions;
  readonly #deps: BroadcastBridgesDeps;
  readonly #bridges = new Map<string, Bridge>();
  /** Originals that cannot be transcoded, as they were described. */
  readonly #failed = new Map<string, AudioRendition>();
  #failure: OriginError | undefined;
  #problem: OriginError | undefined;
  #changed = false;

  constructor(options: BroadcastBridgesOptions, deps: BroadcastBridgesDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Why a rendition that should be there is missing. */
  get problem(): OriginError | undefined {
    return this.#problem;
  }

  /** True if the catalog has to be written again since a bridge has failed; asking resets it. */
  takeChanged(): boolean {
    const changed = this.#changed || (this.#bridges.size > 0 && this.#deps.transcoders.problem !== undefined);
    this.#changed = false;
    return changed;
  }

  /** The publisher's renditions, whenever they may have changed. `isTaken` tells of his tracks' names. */
  update(audios: ReadonlyMap<string, AudioRendition>, isTaken: (name: string) => boolean): void {
    const { transcoders, broadcast } = this.#deps;
    const plans = planBridges(audios, this.#options, isTaken);
    this.#problem = plans.length > 0 ? transcoders.problem : undefined;
    const wanted = new Map<string, BridgePlan>();
    for (const plan of plans) {
      const original = audios.get(plan.source);
      const failed = this.#failed.get(plan.source);
      if (failed !== undefined && original !== undefined && decodesAlike(failed, original)) {
        this.#problem ??= this.#failure;
      } else if (transcoders.problem === undefined) {
        this.#failed.delete(plan.source);
        wanted.set(plan.name, plan);
      }
    }
    for (const name of [...this.#bridges.keys()]) {
      if (wanted.has(name)) continue;
      this.#bridges.delete(name);
      broadcast.withdrawOffer(name, ERROR_CODES.notFound);
    }
    for (const plan of wanted.values()) {
      const original = audios.get(plan.source);
      if (original !== undefined) this.#offer(plan, original);
    }
  }

  /** In the form of the catalog. */
  *states(): Generator<BridgeState> {
    for (const [name, { plan, feed, meter }] of this.#bridges) {
      const active = feed !== undefined;
      const bitrateBps = active ? meter.bitrateBps : 0;
      yield { name, source: plan.source, rendition: plan.rendition, active, bitrateBps };
    }
  }

  /** Once a second. */
  sample(nowMs: number): void {
    for (const { feed, meter } of this.#bridges.values()) if (feed !== undefined) meter.sample(nowMs);
  }

  /** The broadcast is over. Idempotent. */
  close(): void {
    for (const name of this.#bridges.keys()) this.#deps.broadcast.withdrawOffer(name);
    this.#bridges.clear();
  }

  #offer(plan: BridgePlan, original: AudioRendition): void {
    const existing = this.#bridges.get(plan.name);
    if (existing !== undefined) {
      const changed = !decodesAlike(existing.original, original);
      existing.plan = plan;
      existing.original = original;
      if (changed) existing.feed?.change(plan.format);
      return;
    }
    const bridge: Bridge = { plan, original, feed: undefined, meter: new TrackMeter() };
    this.#bridges.set(plan.name, bridge);
    this.#deps.broadcast.offerTrack(plan.name, this.#deps.trackInfo, (track) => this.#open(bridge, track));
  }

  #open(bridge: Bridge, track: Track): TrackFeed | undefined {
    const { broadcast, transcoders } = this.#deps;
    const source = broadcast.track(bridge.plan.source);
    if (source === undefined || source.closed) return undefined;
    const meter = new TrackMeter();
    const feed = new BridgeFeed(bridge.plan.format, {
      transcoders,
      source,
      track,
      lane: new AudioLane({ groupUs: this.#options.groupMs * 1_000 }, { track, meter }),
      onFailed: (error) => this.#onFailed(bridge, error),
      onClosed: () => {
        if (bridge.feed === feed) bridge.feed = undefined;
      },
    });
    if (!feed.start()) return undefined;
    bridge.meter = meter;
    bridge.feed = feed;
    return feed;
  }

  #onFailed(bridge: Bridge, error: OriginError): void {
    const { name, source } = bridge.plan;
    this.#failure = error;
    this.#changed = true;
    if (error.code === "bridge-failed") this.#failed.set(source, bridge.original);
    this.#bridges.delete(name);
    this.#deps.broadcast.withdrawOffer(name, ERROR_CODES.notFound);
  }
}
