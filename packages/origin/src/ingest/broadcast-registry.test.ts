import { DEFAULT_CATALOG_LIMITS, type VideoRendition } from "@canopy/media/catalog";
import { Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import type { OriginError } from "../origin-error.ts";
import { BroadcastRegistry } from "./broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS, type IngestOptions } from "./ingest-options.ts";
import type { Publisher, PublisherProtocol } from "./publisher.ts";

class Bench {
  nowMs = 1_780_000_000_000;
  readonly clock = { nowUs: () => this.nowMs * 1_000, nowMs: () => this.nowMs };
  readonly store = new Store({}, { clock: this.clock });
  readonly events: string[] = [];
  readonly registry: BroadcastRegistry;

  constructor(options: Partial<IngestOptions> = {}) {
    this.registry = new BroadcastRegistry(
      { ...DEFAULT_INGEST_OPTIONS, ...options },
      {
        store: this.store,
        clock: this.clock,
        logger: createSilentLogger(),
        events: {
          onStarted: (ingest) => this.events.push(`started ${ingest.path}`),
          onEnded: (ingest, reason) => this.events.push(`ended ${ingest.path} ${reason}`),
        },
        createId: () => "id",
        countTimed: () => {},
      },
    );
  }

  advance(ms: number): void {
    this.nowMs += ms;
    this.registry.tick(this.nowMs);
  }
}

function createPublisher(protocol: PublisherProtocol = "rtmp"): Publisher & { readonly kicks: string[] } {
  const kicks: string[] = [];
  return { protocol, remoteAddress: "", kicks, kick: (error: OriginError) => kicks.push(error.code) };
}

describe("BroadcastRegistry", () => {
  it("starts a broadcast with its catalog and timed tracks, and ends it some time after its publisher", () => {
    const bench = new Bench();
    const publisher = createPublisher();
    const ingest = bench.registry.open("live/a", publisher);
    expect([...(bench.store.get("live/a")?.tracks.keys() ?? [])]).toEqual(["catalog.json", "timed"]);
    bench.registry.release(ingest, publisher);
    bench.advance(9_000);
    expect(bench.store.get("live/a")).toBeDefined();
    bench.advance(1_500);
    expect(bench.store.get("live/a")).toBeUndefined();
    expect(bench.events).toEqual(["started live/a", "ended live/a lost"]);
  });

  it("refuses a second publisher, and continues for one that comes after the first has left", () => {
    const bench = new Bench();
    const first = createPublisher();
    const ingest = bench.registry.open("live/a", first);
    expect(() => bench.registry.open("live/a", createPublisher())).toThrowError(
      expect.objectContaining({ code: "broadcast-in-use" }),
    );
    bench.registry.release(ingest, first);
    expect(bench.registry.open("live/a", createPublisher())).toBe(ingest);
    bench.advance(60_000);
    expect(ingest.connected).toBe(true);
    expect(bench.events).toEqual(["started live/a"]);
  });

  it("sends a publisher away whose catalog cannot take what is measured here", () => {
    const bench = new Bench();
    const publisher = createPublisher("moq");
    const ingest = bench.registry.open("live/a", publisher);
    const { maxKeys } = DEFAULT_CATALOG_LIMITS;
    const extras = Object.fromEntries(Array.from({ length: maxKeys - 1 }, (_, index) => [`x${index}`, 0]));
    ingest.describeVideo("video", { codec: "vp8", ...extras } as VideoRendition);
    ingest.announce();
    const lane = ingest.video("video");
    for (let second = 0; second < 12; second += 1) {
      lane.writeOpaque((bench.nowMs + 1) * 1_000, new Uint8Array(1_000), true);
      bench.advance(1_000);
    }
    expect(publisher.kicks).toEqual(["bad-media"]);
    expect(ingest.connected).toBe(true);
  });

  it("lets the second one take over if so configured; the first one's end does not matter then", () => {
    const bench = new Bench({ publisherConflict: "takeover" });
    const first = createPublisher();
    const ingest = bench.registry.open("live/a", first);
    const second = createPublisher();
    expect(bench.registry.open("live/a", second)).toBe(ingest);
    expect(first.kicks).toEqual(["taken-over"]);
    bench.registry.release(ingest, first);
    expect(ingest.connected).toBe(true);
    expect(ingest.publisher).toBe(second);
  });

  it("lets the second one take over from one that has fallen silent, so that a killed publisher can come back", () => {
    const bench = new Bench();
    let silent = false;
    const first = { ...createPublisher("moq"), isSilent: () => silent };
    const ingest = bench.registry.open("live/a", first);
    expect(() => bench.registry.open("live/a", createPublisher("moq"))).toThrowError(
      expect.objectContaining({ code: "broadcast-in-use" }),
    );
    silent = true;
    const second = createPublisher("moq");
    expect(bench.registry.open("live/a", second)).toBe(ingest);
    expect(first.kicks).toEqual(["taken-over"]);
    expect(ingest.publisher).toBe(second);
    expect(bench.events).toEqual(["started live/a"]);
  });

  it("waits only a moment for a publisher that has ended its broadcast itself", () => {
    const bench = new Bench();
    const publisher = createPublisher("moq");
    const ingest = bench.registry.open("live/a", publisher);
    bench.registry.release(ingest, publisher, "ended");
    expect(bench.registry.open("live/a", publisher)).toBe(ingest);
    bench.registry.release(ingest, publisher, "ended");
    bench.advance(1_000);
    expect(bench.events).toEqual(["started live/a", "ended live/a lost"]);
  });

  it("begins a new broadcast when the publisher comes back by another protocol", () => {
    const bench = new Bench();
    const first = createPublisher();
    const ingest = bench.registry.open("live/a", first);
    bench.registry.release(ingest, first);
    expect(bench.registry.open("live/a", createPublisher("moq"))).not.toBe(ingest);
    expect(bench.events).toEqual(["started live/a", "ended live/a replaced", "started live/a"]);
  });

  it("kicks: the broadcast ends at once and its publisher is told", () => {
    const bench = new Bench();
    const publisher = createPublisher();
    bench.registry.open("live/a", publisher);
    expect(bench.registry.kick("live/a")).toBe(true);
    expect(bench.registry.kick("live/a")).toBe(false);
    expect(publisher.kicks).toEqual(["kicked"]);
    expect(bench.store.get("live/a")).toBeUndefined();
  });

  it("holds to its number of broadcasts, and ends all of them when it closes", () => {
    const bench = new Bench({ maxBroadcasts: 2 });
    bench.registry.open("live/a", createPublisher());
    bench.registry.open("live/b", createPublisher());
    expect(() => bench.registry.open("live/c", createPublisher())).toThrowError(
      expect.objectContaining({ code: "too-many-broadcasts" }),
    );
    bench.registry.close();
    expect(bench.store.size).toBe(0);
    expect(() => bench.registry.open("live/d", createPublisher())).toThrowError(
      expect.objectContaining({ code: "closed" }),
    );
  });
});
