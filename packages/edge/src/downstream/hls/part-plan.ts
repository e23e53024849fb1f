/** How long parts and segments are to be. */
export interface PartPlan {
  /** What parts are cut at, µs: a whole number of pictures. */
  readonly partUs: number;
  /** EXT-X-PART-INF's PART-TARGET, seconds: no part is longer, and none but a segment's last is 15% shorter. */
  readonly partTargetSeconds: number;
}

/** Parts of 200 to 310 ms: with three of them held back a player is a second behind. */
const MIN_PART_US = 200_000;
const WISHED_PART_US = 310_000;
/** Where nothing shorter divides segments well. */
const MAX_PART_US = 400_000;
/** A part of sound ends at the frame nearest to the picture: 1024 samples at 48 kHz, or 20 ms of Opus. */
const SOUND_FRAME_US = 22_000;
/** What keyframe intervals usually are. */
const USUAL_SEGMENTS_US = [1_000_000, 2_000_000] as const;
/**
 * A segment had better not end in a part of less. hls.js takes a segment for buffered as soon as 200 ms of it are
 * missing: when it gets to know of such a last part while it takes the one before apart, it stands still. So parts are
 * planned for usual segments; and a short part that ends a segment all the same is not told of alone, but with the first
 * one of the next segment.
 */
export const MIN_LAST_PART_US = 230_000;

/** For sound alone: its segments are cut after whole parts. */
export function planSoundParts(frameUs: number): PartPlan {
  return planOf(wishedFrames(frameUs), frameUs);
}

/** For pictures: parts that leave no short one at the end of usual segments, where there is such a length. */
export function planPictureParts(frameUs: number): PartPlan {
  const wished = wishedFrames(frameUs);
  const lengths: number[] = [];
  for (let frames = wished; frames * frameUs >= MIN_PART_US; frames -= 1) lengths.push(frames);
  for (let frames = wished + 1; frames * frameUs <= MAX_PART_US; frames += 1) lengths.push(frames);
  const [one, two] = USUAL_SEGMENTS_US.map((segmentUs) => {
    const pictures = Math.round(segmentUs / frameUs);
    return lengths.filter((frames) => (pictures % frames || frames) * frameUs >= MIN_LAST_PART_US);
  });
  const frames = one?.find((length) => two?.includes(length)) ?? two?.[0] ?? wished;
  return planOf(frames, frameUs);
}

function wishedFrames(frameUs: number): number {
  return Math.max(1, Math.floor(WISHED_PART_US / frameUs));
}

function planOf(frames: number, frameUs: number): PartPlan {
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
