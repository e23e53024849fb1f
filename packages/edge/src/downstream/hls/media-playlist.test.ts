import { describe, expect, it } from "vitest";
import { writePlaylist, writeReports } from "./media-playlist.ts";
import { planPictureParts } from "./part-plan.ts";
import { SegmentWindow } from "./segment-window.ts";
import { TimedEvents } from "./timed-events.ts";

const START_US = Date.UTC(2026, 0, 1) * 1_000;

function makeWindow(segments: number, era: (index: number) => number = () => 0): SegmentWindow {
  const window = new SegmentWindow(
    { id: "0123456789", firstSequence: 10, plan: planPictureParts(33_333) },
    { windowMs: 60_000, maxBytes: 1_000_000 },
    { onBytes: () => {}, onGrowth: () => {} },
  );
  window.addInit(Uint8Array.of(1));
  window.addInit(Uint8Array.of(2));
  window.addInit(Uint8Array.of(3));
  for (let index = 0; index < segments; index += 1) {
    window.openSegment({ startUs: START_US + index * 1_200_000, era: era(index), init: era(index) });
    for (let part = 0; part < 4; part += 1)
      window.addPart({ durationUs: 300_000, isIndependent: part === 0, bytes: Buffer.alloc(1) });
  }
  return window;
}

const lines = (text: string, start: string): string[] =>
  text.split("\n").filter((line) => line.startsWith(start));

describe("writePlaylist", () => {
  it("lists segments with exact durations and media time, and parts near the end only", () => {
    const text = writePlaylist(makeWindow(10), [], { files: "?jwt=x", skips: false });
    expect(lines(text, "#EXTINF")).toEqual(new Array(9).fill("#EXTINF:1.2,"));
    expect(lines(text, "#EXT-X-TARGETDURATION")).toEqual(["#EXT-X-TARGETDURATION:1"]);
    expect(lines(text, "#EXT-X-PROGRAM-DATE-TIME").slice(0, 2)).toEqual([
      "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z",
      "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:01.200Z",
    ]);
    expect(lines(text, "#EXT-X-PART:").length).toBe(12);
    expect(text).toContain('#EXT-X-PART:DURATION=0.3,URI="0123456789-19.0.m4s?jwt=x",INDEPENDENT=YES\n');
    expect(text).toContain("\n0123456789-10.m4s?jwt=x\n");
    expect(text).toContain('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="0123456789-19.4.m4s?jwt=x"\n');
    expect(text).toContain("#EXT-X-INDEPENDENT-SEGMENTS");
    expect(text).not.toContain("#EXT-X-ENDLIST");
  });

  it("does not list parts again when a longer segment makes the target duration grow", () => {
    const window = makeWindow(10);
    const firstListed = (): string | undefined =>
      lines(writePlaylist(window, [], { files: "", skips: false }), "#EXT-X-PART:")[0];
    expect(firstListed()).toContain("0123456789-17.0.m4s");
    for (let part = 4; part < 7; part += 1)
      window.addPart({ durationUs: 300_000, isIndependent: false, bytes: Buffer.alloc(1) });
    expect(firstListed()).toContain("0123456789-18.0.m4s");
    window.openSegment({ startUs: START_US + 12_900_000, era: 0, init: 0 });
    window.addPart({ durationUs: 300_000, isIndependent: true, bytes: Buffer.alloc(1) });
    expect(window.targetSeconds).toBe(2);
    expect(firstListed()).toContain("0123456789-18.0.m4s");
  });

  it("counts every era, also one that has no segment here", () => {
    const text = writePlaylist(
      makeWindow(3, (index) => (index === 0 ? 0 : 2)),
      [],
      { files: "", skips: false },
    );
    expect(text.match(/(#EXT-X-DISCONTINUITY\n)+/g)).toEqual([
      "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n",
    ]);
  });

  it("keeps to the bounds of the specification", () => {
    const { plan } = makeWindow(1);
    const text = writePlaylist(makeWindow(10), [], { files: "", skips: false });
    const control = /PART-HOLD-BACK=([\d.]+),CAN-SKIP-UNTIL=(\d+),HOLD-BACK=(\d+)/.exec(text);
    expect(Number(control?.[1])).toBeCloseTo(3 * plan.partTargetSeconds);
    expect(Number(control?.[2])).toBeGreaterThanOrEqual(6);
    expect(Number(control?.[3])).toBeGreaterThanOrEqual(3);
  });

  it("skips what lies behind the skip boundary in a delta update", () => {
    const text = writePlaylist(makeWindow(12), [], { files: "", skips: true });
    expect(lines(text, "#EXT-X-SKIP")).toEqual(["#EXT-X-SKIP:SKIPPED-SEGMENTS=7"]);
    expect(lines(text, "#EXT-X-MEDIA-SEQUENCE")).toEqual(["#EXT-X-MEDIA-SEQUENCE:10"]);
    expect(text).toContain("\n0123456789-17.m4s\n");
    expect(text).not.toContain("0123456789-16.m4s");
  });

  it("marks a discontinuity where the era changes, with the new init segment", () => {
    const text = writePlaylist(
      makeWindow(4, (index) => (index < 2 ? 0 : 1)),
      [],
      { files: "", skips: false },
    );
    expect(lines(text, "#EXT-X-DISCONTINUITY-SEQUENCE")).toEqual(["#EXT-X-DISCONTINUITY-SEQUENCE:0"]);
    expect(text).toMatch(/-11\.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="0123456789-init-1\.mp4"\n/);
  });

  it("does not promise keyframes that are not there", () => {
    const window = makeWindow(2);
    window.openSegment({ startUs: START_US, era: 0, init: 0 });
    window.addPart({ durationUs: 1, isIndependent: false, bytes: Buffer.alloc(1) });
    expect(writePlaylist(window, [], { files: "", skips: false })).not.toContain("INDEPENDENT-SEGMENTS");
  });

  it("carries timed messages as date ranges whose data survives quotes and newlines", () => {
    const events = new TimedEvents();
    const message = { v: 1, id: 'a"\nb', type: "cue", at: START_US, data: 'x"\n歌' } as const;
    events.add(message);
    events.add(message);
    const text = writePlaylist(makeWindow(2), events.listed, { files: "", skips: false });
    const [range = "", ...more] = lines(text, "#EXT-X-DATERANGE");
    expect(more).toEqual([]);
    expect(range).toMatch(
      /^#EXT-X-DATERANGE:ID="a__b",CLASS="com\.canopy\.timed",START-DATE="2026-01-01T00:00:00\.000Z",DURATION=0,X-CANOPY-DATA="[A-Za-z0-9+/=]+"$/,
    );
    const data = /X-CANOPY-DATA="([^"]+)"/.exec(range)?.[1] ?? "";
    expect(JSON.parse(Buffer.from(data, "base64").toString())).toEqual(message);
  });
});

describe("writeReports", () => {
  it("says where another rendition is", () => {
    const report = { uri: "../audio/index.m3u8", lastSequence: 7, lastPart: 2 };
    expect(writeReports([report], "?s=1")).toBe(
      '#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8?s=1",LAST-MSN=7,LAST-PART=2\n',
    );
  });
});
