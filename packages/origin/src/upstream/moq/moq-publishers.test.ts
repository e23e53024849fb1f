import { encodeCatalog } from "@canopy/media/catalog";
import { type PublisherSession, Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS } from "../../ingest/ingest-options.ts";
import { MoqPublishers } from "./moq-publishers.ts";

const NOW_MS = 1_780_000_000_000;
const INFO = { priority: 60, ordered: true, maxLatencyMs: 10_000, timescale: 1_000_000 };
const clock = { nowMs: () => NOW_MS, nowUs: () => NOW_MS * 1_000 };
const logger = createSilentLogger();
let registry: BroadcastRegistry;
let publishers: MoqPublishers;

beforeEach(() => {
  registry = new BroadcastRegistry(DEFAULT_INGEST_OPTIONS, {
    store: new Store({}, { clock }),
    clock,
    logger,
    events: { onStarted: () => {}, onEnded: () => {} },
    createId: () => "id",
    countTimed: () => {},
  });
  publishers = new MoqPublishers({ registry, clock, logger });
});

afterEach(() => {
  publishers.close();
  registry.close();
});

/** A publisher that has announced `path` and sent its catalog. */
function publish(path: string) {
  const closes: string[] = [];
  const session = { remoteAddress: "", closed: false, stats: () => ({ silentMs: 0 }) };
  const store = publishers.open({
    session,
    close: (_code: number, reason: string) => closes.push(reason),
  } as unknown as PublisherSession);
  const catalog = store.publish(path).createTrack("catalog.json", INFO);
  const group = catalog.openGroup();
  const renditions = { video: { codec: "vp8" } };
  group.append(NOW_MS * 1_000, encodeCatalog({ video: { renditions } }));
  group.finish();
  return { store, closes };
}

describe("MoqPublishers", () => {
  it("ends the session of a publisher whose broadcast cannot be taken in, and that alone", async () => {
    const bad = publish("live/bad");
    const good = publish("live/good");
    const ingest = registry.get("live/bad");
    if (ingest === undefined) throw new Error("it is not there");
    vi.spyOn(ingest, "announce").mockImplementation(() => {
      throw new Error("a fault of ours");
    });
    for (const { store } of [bad, good]) store.flush();
    await Promise.resolve();
    expect(bad.closes).toEqual(["The origin has failed."]);
    expect(good.closes).toEqual([]);
    expect(registry.get("live/good")?.describe().tracks[0]).toMatchObject({ name: "video", codec: "vp8" });
  });
});
