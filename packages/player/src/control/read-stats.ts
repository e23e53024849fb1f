import type { Playback } from "../present/playback.ts";
import type { TransportName } from "../upstream/upstream.ts";
import type { Connection } from "./connection.ts";
import type { PlayerState } from "./player-state.ts";
import type { PlayerStats } from "./player-stats.ts";
import type { TrackChoice } from "./track-choice.ts";

/** Where the figures come from; parts are undefined while nothing is played. */
export interface StatsSources {
  readonly state: PlayerState;
  readonly transport: TransportName | undefined;
  readonly connection: Connection | undefined;
  readonly playback: Playback | undefined;
  readonly tracks: TrackChoice | undefined;
  readonly bitrateBps: number;
  /** Local time of `play()`, µs. */
  readonly playAtUs: number;
}

export function readStats(sources: StatsSources, nowUs: number): PlayerStats {
  const { connection, playback, tracks } = sources;
  const upstream = connection?.upstream?.stats();
  const offset = connection?.offset;
  const sound = playback?.sound.output?.report;
  const buffered = (playback?.video ?? playback?.audio)?.buffer.newestUs ?? Number.NEGATIVE_INFINITY;
  const bufferedUs = playback === undefined ? 0 : buffered - playback.timing.clock.mediaUs(nowUs);
  const firstPaintUs = playback?.firstPaintUs;
  const element = upstream?.element;
  return {
    state: sources.state,
    transport: sources.transport,
    transportReason: connection?.reason,
    src: connection?.src,
    latencyMs: (playback?.presented.last?.latencyUs ?? 0) / 1000,
    isLatencyAbsolute: playback?.timing.isAbsolute ?? false,
    targetLatencyMs: element?.targetLatencyMs ?? (playback?.timing.targetUs ?? 0) / 1000,
    jitterMs: element?.jitterMs ?? (playback?.timing.jitterUs ?? 0) / 1000,
    rttMs: (upstream?.rttMs ?? 0) || (offset?.roundTripUs ?? 0) / 1000,
    clockOffsetMs: (offset?.offsetUs ?? 0) / 1000,
    clockUncertaintyMs: (offset?.uncertaintyUs ?? 0) / 1000,
    bufferMs: element ? element.bufferMs : Number.isFinite(bufferedUs) ? Math.max(0, bufferedUs / 1000) : 0,
    playbackRate: element?.playbackRate ?? playback?.timing.clock.rate ?? 0,
    bitrateBps: sources.bitrateBps,
    receivedBytes: upstream?.receivedBytes ?? 0,
    decodedFrames: element?.decodedFrames ?? playback?.video?.decodedFrames ?? 0,
    presentedFrames: playback?.presented.count ?? 0,
    droppedFrames: (playback?.droppedFrames ?? 0) + (element?.droppedFrames ?? 0),
    gaps: playback?.gaps ?? 0,
    lostGroups: upstream?.lostGroups ?? 0,
    lostPackets: upstream?.lostPackets ?? 0,
    stalls: playback?.stalls ?? 0,
    audioUnderruns: element?.audioUnderruns ?? sound?.underruns ?? 0,
    avSkewMs: (sound?.behindS ?? 0) * 1000,
    audioPeak: element?.audioPeak ?? sound?.peak ?? 0,
    fps: playback?.presented.fps(nowUs) ?? 0,
    width: playback?.size.width ?? 0,
    height: playback?.size.height ?? 0,
    videoCodec: element ? element.videoCodec : tracks?.chosen?.video?.rendition.codec,
    audioCodec: element ? element.audioCodec : tracks?.chosen?.audio?.rendition.codec,
    rendition: tracks?.chosen?.video?.name,
    renditions: tracks?.renditions ?? [],
    joinMs: firstPaintUs === undefined ? undefined : (firstPaintUs - sources.playAtUs) / 1000,
    reconnects: connection?.reconnects ?? 0,
    moves: connection?.moves ?? 0,
    refusedMoves: connection?.refusedMoves ?? 0,
    presentedTimestampsUs: playback?.presented.timestampsUs() ?? [],
  };
}
