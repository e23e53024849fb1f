import type { PlayerStats } from "../control/player-stats.ts";

export interface StatsRow {
  readonly label: string;
  readonly value: string;
}

const ms = (value: number): string => `${Math.round(value)} ms`;

function bitrate(bps: number): string {
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

/** The lines of the stats overlay. */
export function statsRows(stats: PlayerStats): StatsRow[] {
  const codecs = [stats.videoCodec, stats.audioCodec].filter((codec) => codec !== undefined).join(" · ");
  const picture = stats.width > 0 ? `${stats.width} × ${stats.height} · ${stats.fps} fps` : "–";
  const rate = stats.playbackRate === 0 ? "" : ` · ×${stats.playbackRate.toFixed(2)}`;
  const latency = stats.isLatencyAbsolute
    ? ms(stats.latencyMs)
    : `${ms(stats.latencyMs)} behind the fastest frame`;
  return [
    {
      label: "Transport",
      value: [stats.transport ?? "–", stats.transportReason].filter(Boolean).join(" · "),
    },
    { label: "Latency", value: `${latency} · target ${ms(stats.targetLatencyMs)}${rate}` },
    { label: "Jitter", value: `${ms(stats.jitterMs)} · round trip ${ms(stats.rttMs)}` },
    { label: "Buffer", value: ms(stats.bufferMs) },
    { label: "Picture", value: picture },
    { label: "Rendition", value: `${stats.rendition ?? "–"} · ${codecs || "–"}` },
    { label: "Bitrate", value: bitrate(stats.bitrateBps) },
    {
      label: "Frames",
      value: `${stats.presentedFrames} shown · ${stats.droppedFrames} dropped`,
    },
    {
      label: "Loss",
      value: `${stats.lostPackets} packets · ${stats.lostGroups} groups · ${stats.gaps} gaps · ${stats.stalls} stalls · ${stats.audioUnderruns} audio`,
    },
    {
      label: "Clock",
      value: `${stats.clockOffsetMs.toFixed(1)} ms ± ${stats.clockUncertaintyMs.toFixed(1)}`,
    },
    { label: "Start", value: stats.joinMs === undefined ? "–" : ms(stats.joinMs) },
  ];
}
