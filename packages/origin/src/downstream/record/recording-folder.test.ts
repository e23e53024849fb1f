import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RecordingFolder } from "./recording-folder.ts";
import type { SegmentBatch } from "./segment-batch.ts";

const BEGIN = { id: "01J", broadcast: "live/a", createdMs: 1_700_000_000_000 };

function batch(number: number): SegmentBatch {
  const bytes = Uint8Array.of(number);
  const init = { track: "video", number: 1, codec: "avc1.42c01f", width: 640, height: 360, bytes } as const;
  const segment = {
    track: "video",
    number,
    init: 1,
    startUs: (number - 1) * 2_000_000,
    durationUs: 2_000_000,
    mediaUs: 1_700_000_000_000_000,
    discontinuity: false,
    samples: 50,
    bytes,
  } as const;
  const message = { v: 1, id: `m${number}`, type: "cue", at: 1_700_000_000_000_000, data: null } as const;
  return {
    inits: number === 1 ? [init] : [],
    segments: [segment],
    events: [{ offsetUs: segment.startUs, message }],
  };
}

describe("RecordingFolder", () => {
  let path: string;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "canopy-folder-"));
  });

  afterEach(() => rmSync(path, { recursive: true, force: true }));

  const playlist = () => readFileSync(join(path, "video.m3u8"), "utf8");

  it("can be played after each segment", async () => {
    const folder = await RecordingFolder.create(path, BEGIN);
    await folder.write(batch(1));
    expect(playlist()).toContain("video-000001.m4s");
    expect(playlist()).toContain('#EXT-X-MAP:URI="video-init-1.mp4"');
    await folder.write(batch(2));
    expect(playlist()).toContain("video-000002.m4s");
    expect(playlist()).not.toContain("#EXT-X-ENDLIST");
    await folder.end();
    expect(playlist()).toContain("#EXT-X-ENDLIST");
    expect(readdirSync(path).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it.each(["", '{"kind":"segment","track":"video","num', "\u0000\u0000\u0000\n", '{"kind":"new"}\n'])(
    "goes on after a crash that left %j at the end of the journal and a segment that is in no journal",
    async (rest) => {
      await (await RecordingFolder.create(path, BEGIN)).write(batch(1));
      appendFileSync(join(path, "journal.jsonl"), rest);
      writeFileSync(join(path, "video-000002.m4s"), "lost");
      writeFileSync(join(path, "video-000003.m4s.part"), "half");
      const reopened = await RecordingFolder.reopen(path);
      expect(reopened?.contents).toMatchObject({ begin: BEGIN, durationUs: 2_000_000, ended: false });
      expect(readdirSync(path)).not.toContain("video-000002.m4s");
      expect(readdirSync(path)).not.toContain("video-000003.m4s.part");
      await reopened?.write(batch(2));
      const again = await RecordingFolder.reopen(path);
      expect(again?.contents.segments.video.map(({ number }) => number)).toEqual([1, 2]);
      expect(again?.contents.events.map(({ message }) => message.id)).toEqual(["m1", "m2"]);
    },
  );

  it("is none without a journal, or with one of something else", async () => {
    expect(await RecordingFolder.reopen(path)).toBeUndefined();
    writeFileSync(join(path, "journal.jsonl"), "hello\n");
    expect(await RecordingFolder.reopen(path)).toBeUndefined();
  });
});
