/** How long parts and segments are to be. */
export interface PartPlan {
  /** What parts are cut at, µs: a whole number of pictures. */
  readonly partUs: number;
  /** EXT-X-PART-INF's PART-TARGET, seconds: no part is longer, and none but a segment's last is 15% shorter. */
  readonly partTargetSeconds: number;
}

/** Parts of 200 to 330 ms: with three of them held back a player is a second behind. */
const WISHED_PART_US = 310_000;
/** A part of sound ends at the frame nearest to the picture: 1024 samples at 48 kHz, or 20 ms of Opus. */
const SOUND_FRAME_US = 22_000;

export function planParts(frameUs: number): PartPlan {
  const frames = Math.max(1, Math.floor(WISHED_PART_US / frameUs));
  const partUs = frames * frameUs;
  return { partUs, partTargetSeconds: Math.ceil((partUs + SOUND_FRAME_US) / 1_000) / 1_000 };
}

/** A new segment begins at the next keyframe once the last one has this length: shorter groups are put together. */
export const MIN_SEGMENT_US = 900_000;
/** A group that goes on for longer is cut all the same, so that memory is bounded. */
export const MAX_SEGMENT_US = 8_000_000;
/** Length of segments where no picture says where they begin. */
export const SOUND_SEGMENT_US = 2_000_000;
/** A part that grows larger is cut early, whatever its timestamps say. */
export const MAX_PART_BYTES = 4 * 1024 * 1024;
