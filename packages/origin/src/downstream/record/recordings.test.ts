import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Store } from "@canopy/relay";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Recordings } from "./recordings.ts";

let folder: string;
let recordings: Recordings;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-recordings-"));
  const clock = createClock();
  let ids = 0;
  recordings = new Recordings(
    {
      folder,
      record: [],
      maxRecordings: 1,
      segmentMs: 4_000,
      lingerMs: 60_000,
      maxAgeMs: 0,
      maxBytes: 0,
      s3: undefined,
    },
    {
      store: new Store({}, { clock }),
      clock,
      logger: createSilentLogger(),
      createId: () => String(++ids).padStart(26, "0"),
      onReady: () => {},
      buildMp4: async () => {},
      storage: undefined,
    },
  );
});

afterEach(async () => {
  await recordings.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("Recordings", () => {
  it("takes no more than may be at one time", async () => {
    await recordings.record("live/a");
    await expect(recordings.record("live/b")).rejects.toMatchObject({ code: "too-many-recordings" });
  });

  it("does not count one that the disk has failed, which the next process finishes", async () => {
    const { id } = await recordings.record("live/a");
    rmSync(join(folder, id), { recursive: true });
    recordings.stop(id);
    await vi.waitFor(() => expect(recordings.countIn("failed")).toBe(1), { timeout: 10_000 });
    expect(recordings.get(id)?.describe()).toMatchObject({ error: { code: "storage-failed" } });
    await recordings.record("live/b");
  });
});
