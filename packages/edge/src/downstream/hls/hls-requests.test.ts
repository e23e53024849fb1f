import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compressHead, gzipPlaylist } from "./gzip-playlist.ts";
import { parseDirectives } from "./parse-directives.ts";
import { parseHlsPath } from "./parse-hls-path.ts";
import { parseRange } from "./parse-range.ts";
import { PendingRequests, type Requester } from "./pending-requests.ts";

describe("parseHlsPath", () => {
  it("tells playlists, init segments, segments and parts apart", () => {
    expect(parseHlsPath("live/demo/index.m3u8")).toEqual({ kind: "multivariant", broadcast: "live/demo" });
    const inside = { broadcast: "live/demo", rendition: "video" };
    expect(parseHlsPath("live/demo/~/video/index.m3u8")).toEqual({ kind: "playlist", ...inside });
    const file = { kind: "file", ...inside, window: "0123456789" };
    expect(parseHlsPath("live/demo/~/video/0123456789-init-3.mp4")).toEqual({
      ...file,
      file: { kind: "init", init: 3 },
    });
    expect(parseHlsPath("live/demo/~/video/0123456789-55.m4s")).toEqual({
      ...file,
      file: { kind: "segment", sequence: 55, part: undefined },
    });
    expect(parseHlsPath("live/demo/~/video/0123456789-55.2.m4s")).toEqual({
      ...file,
      file: { kind: "segment", sequence: 55, part: 2 },
    });
  });

  it.each([
    "",
    "index.m3u8",
    "live/demo",
    "live/demo/~/../../etc/passwd",
    "live/demo/~/video/../../../etc/passwd",
    "live/demo/~/video/..%2f..%2fpasswd",
    "live/demo/~/video/0123456789-1e9.m4s",
    "live/demo/~/video/0123456789--1.m4s",
    "live/demo/~/video/0123456789-99999999999999999.m4s",
    "live/demo/~/video/0123456789-1.9999999.m4s",
    "live/demo/~/video/0123456789-1.m4s\0",
    "live/demo/~/vi.deo/index.m3u8",
    "live/demo/~//index.m3u8",
    "live/demo/~/video/x/index.m3u8",
  ])("has nothing at %j", (path) => {
    expect(parseHlsPath(path)).toBeUndefined();
  });
});

describe("parseRange", () => {
  it.each([
    ["bytes=0-9", { start: 0, end: 10 }],
    ["bytes=90-", { start: 90, end: 100 }],
    ["bytes=-5", { start: 95, end: 100 }],
    ["bytes=-500", { start: 0, end: 100 }],
    ["bytes=50-999999999999999999999", { start: 50, end: 100 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=99999999999999999999-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=9-0", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,5-6", undefined],
    ["frames=0-1", undefined],
    [undefined, undefined],
  ])("reads %j of 100 bytes", (header, range) => {
    expect(parseRange(header, 100)).toEqual(range);
  });
});

describe("parseDirectives", () => {
  it("reads what a player waits for", () => {
    expect(parseDirectives({ _HLS_msn: "12", _HLS_part: "3", _HLS_skip: "YES" })).toEqual({
      position: { sequence: 12, part: 3 },
      skips: true,
    });
    expect(parseDirectives({})).toEqual({ position: undefined, skips: false });
  });

  it.each([
    { _HLS_part: "1" },
    { _HLS_msn: "-1" },
    { _HLS_msn: "1e3" },
    { _HLS_msn: "9999999999999999" },
    { _HLS_msn: ["1", "2"] },
    { _HLS_msn: "" },
    { _HLS_msn: "1", _HLS_part: "x" },
  ])("refuses %j", (query) => {
    expect(() => parseDirectives(query)).toThrow(expect.objectContaining({ status: 400 }));
  });
});

describe("gzipPlaylist", () => {
  it("makes one gzip member of a shared head and any tail", () => {
    const head = Buffer.from("#EXTM3U\n".repeat(200));
    const compressed = compressHead(head);
    for (const tail of ["", "x", "#EXT-X-RENDITION-REPORT:…\n".repeat(20)]) {
      const bytes = gzipPlaylist(compressed, Buffer.from(tail));
      expect(gunzipSync(bytes).toString()).toBe(head.toString() + tail);
      expect(bytes.byteLength).toBeLessThan(head.byteLength / 4 + Buffer.byteLength(tail));
    }
  });
});

/** One who asks, and may leave. */
class TestRequester implements Requester {
  isGone = false;
  readonly listeners = new Set<() => void>();

  onGone(listener: () => void): void {
    this.listeners.add(listener);
  }

  offGone(listener: () => void): void {
    this.listeners.delete(listener);
  }
}

describe("PendingRequests", () => {
  const stays = new TestRequester();

  it("answers when it is there, when it is late, and when there is no room", async () => {
    const pool = { waits: 0, waitsRefused: 0 };
    const pending = new PendingRequests({ maxWaits: 2 }, { pool });
    let isThere = false;
    const first = pending.wait(() => isThere, 1_000, stays);
    const second = pending.wait(() => false, 500, stays);
    expect(await pending.wait(() => false, 500, stays)).toBe("full");
    expect([pool.waits, pool.waitsRefused]).toEqual([2, 1]);
    pending.expire(500);
    expect(await second).toBe("late");
    isThere = true;
    pending.wake();
    expect(await first).toBe("ready");
    expect([pool.waits, pending.size]).toEqual([0, 0]);
  });

  it("blames nobody for a stand-still of its own: deadlines hold once more until the next look", async () => {
    const pending = new PendingRequests({ maxWaits: 2 }, { pool: { waits: 0, waitsRefused: 0 } });
    let isThere = false;
    pending.expire(0);
    const patient = pending.wait(() => isThere, 3_000, stays);
    pending.expire(5_000);
    isThere = true;
    pending.wake();
    expect(await patient).toBe("ready");
    const idle = pending.wait(() => false, 6_000, stays);
    pending.expire(11_000);
    // A process that is late every time gives them up all the same.
    pending.expire(12_000);
    expect(await idle).toBe("late");
  });

  it("forgets whoever is gone, and lets go of everybody when it closes", async () => {
    const pool = { waits: 0, waitsRefused: 0 };
    const pending = new PendingRequests({ maxWaits: 10 }, { pool });
    const leaves = new TestRequester();
    const gone = pending.wait(() => false, 1_000, leaves);
    for (const listener of leaves.listeners) listener();
    expect(await gone).toBe("gone");
    const closed = pending.wait(() => false, 1_000, stays);
    pending.close();
    expect(await closed).toBe("late");
    expect(stays.listeners.size + leaves.listeners.size).toBe(0);
    expect(pool.waits).toBe(0);
  });
});
