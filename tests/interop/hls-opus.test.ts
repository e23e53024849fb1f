import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { PackagingEdge } from "../harness/packaging-edge.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";

const run = promisify(execFile);

describe("HLS of a publisher who sends Opus, where nothing bridges it", () => {
  it("carries Opus, whose header and durations ffprobe reads", async () => {
    await using edge = await PackagingEdge.start();
    using _broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: "live/opus" }).run();
    const master = await (await fetch(edge.hls("live/opus"))).text();
    expect(master).toContain('CODECS="avc1.42c01f,opus"');
    const uri = /URI="([^"]+)"/.exec(master)?.[1] ?? "";
    const args = ["-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels:packet=pts_time"];
    const { stdout } = await run("ffprobe", [
      ...args,
      ...["-read_intervals", "%+2", "-of", "json", edge.hls("live/opus", uri)],
    ]);
    const { streams, packets } = JSON.parse(stdout) as {
      readonly streams: readonly object[];
      readonly packets: readonly { readonly pts_time: string }[];
    };
    expect(streams).toEqual([
      expect.objectContaining({ codec_name: "opus", sample_rate: "48000", channels: 2 }),
    ]);
    expect(packets.length).toBeGreaterThan(40);
    const times = packets.map(({ pts_time }) => Number(pts_time));
    for (const [index, time] of times.entries())
      if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeCloseTo(0.02, 4);
  });
});
