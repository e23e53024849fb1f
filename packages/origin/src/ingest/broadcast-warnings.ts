/** Something about a broadcast that its publisher can do better, with advice. */
export interface BroadcastWarning {
  readonly code:
    | "b-frames"
    | "long-keyframe-interval"
    | "no-video"
    | "no-audio"
    | "no-keyframe"
    | "timestamps-jump"
    | "too-fast"
    | "frames-dropped"
    | "publisher-lost"
    | "no-audio-bridge";
  readonly message: string;
}

/** What the warnings are made from, for one publisher. */
export interface BroadcastObservation {
  /** Time since the publisher came, ms. */
  readonly ageMs: number;
  readonly connected: boolean;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly bFrames: boolean;
  /** Of the last whole group, or of the current one if that is longer; undefined before the first keyframe. */
  readonly keyframeIntervalMs: number | undefined;
  readonly awaitsKeyframe: boolean;
  readonly timestampJumps: number;
  /** The publisher sent faster than real time and was held back. */
  readonly held: boolean;
  readonly droppedFrames: number;
  /** Why the sound cannot be transcoded for those who cannot decode it, if that is so. */
  readonly bridgeProblem: string | undefined;
}

/** A publisher that has just come is still sending its headers. */
const SETTLING_MS = 5_000;
/** Joining takes up to one keyframe interval on WebRTC and HLS, and a loss is visible for as long. */
const LONG_KEYFRAME_INTERVAL_MS = 4_000;

export function broadcastWarnings(seen: BroadcastObservation): BroadcastWarning[] {
  const warnings: BroadcastWarning[] = [];
  const warn = (code: BroadcastWarning["code"], message: string): void => {
    warnings.push({ code, message });
  };
  if (!seen.connected) {
    warn("publisher-lost", "The publisher is not connected; the broadcast ends soon unless it comes back.");
  }
  if (seen.bFrames) {
    warn(
      "b-frames",
      "The video has B-frames, which WebRTC cannot carry and which add delay. " +
        "Set the B-frames to 0 (OBS: x264 option bframes=0, or tune zerolatency).",
    );
  }
  if ((seen.keyframeIntervalMs ?? 0) > LONG_KEYFRAME_INTERVAL_MS) {
    const seconds = ((seen.keyframeIntervalMs ?? 0) / 1_000).toFixed(1);
    warn(
      "long-keyframe-interval",
      `A keyframe comes every ${seconds} s only: viewers wait that long. Set the keyframe interval to 1 or 2 s.`,
    );
  }
  if (seen.connected && seen.ageMs > SETTLING_MS) {
    if (!seen.hasVideo) warn("no-video", "No video arrives. If that is not meant, check the encoder.");
    else if (seen.awaitsKeyframe) {
      warn(
        "no-keyframe",
        "No keyframe (IDR picture) arrives, so nothing can be shown. Turn intra refresh off.",
      );
    }
    if (!seen.hasAudio) warn("no-audio", "No sound arrives. If that is not meant, check the encoder.");
  }
  if (seen.timestampJumps > 0) {
    warn(
      "timestamps-jump",
      `The timestamps jumped ${seen.timestampJumps} times; viewers may see a short stall at each jump.`,
    );
  }
  if (seen.held) {
    warn("too-fast", "The publisher sends faster than real time and is held back. With ffmpeg, add -re.");
  }
  if (seen.droppedFrames > 0) {
    warn(
      "frames-dropped",
      `${seen.droppedFrames} frames were left out: before the first keyframe, or in a group that was too large.`,
    );
  }
  if (seen.bridgeProblem !== undefined) {
    warn(
      "no-audio-bridge",
      `${seen.bridgeProblem} Viewers who cannot decode the publisher's audio codec hear nothing: ` +
        "WebRTC needs Opus, HLS and RTMP need AAC.",
    );
  }
  return warnings;
}
