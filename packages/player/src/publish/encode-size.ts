export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest even size within `limit` that has the picture's shape; never larger than the picture. */
export function encodeSize(picture: Size, limit: Size): Size {
  const turned = picture.height > picture.width;
  const maxWidth = turned ? Math.min(limit.width, limit.height) : limit.width;
  const maxHeight = turned ? Math.max(limit.width, limit.height) : limit.height;
  const scale = Math.min(1, maxWidth / picture.width, maxHeight / picture.height);
  return { width: even(picture.width * scale), height: even(picture.height * scale) };
}

function even(length: number): number {
  return Math.max(2, Math.round(length / 2) * 2);
}

/** Levels of H.264 table A-1 that matter here: macroblocks per second, macroblocks per frame, level_idc. */
const LEVELS: readonly (readonly [number, number, number])[] = [
  [40_500, 1_620, 30],
  [108_000, 3_600, 31],
  [216_000, 5_120, 32],
  [245_760, 8_192, 40],
  [522_240, 8_704, 42],
  [589_824, 22_080, 50],
  [983_040, 36_864, 51],
];

/** Codec strings to try for a size and rate: what every decoder and WebRTC knows first. */
export function h264Candidates(size: Size, framerate: number): readonly string[] {
  const macroblocks = Math.ceil(size.width / 16) * Math.ceil(size.height / 16);
  const fitting = LEVELS.find(
    ([perSecond, perFrame]) => macroblocks * framerate <= perSecond && macroblocks <= perFrame,
  );
  const level = (fitting?.[2] ?? 52).toString(16).padStart(2, "0");
  // Constrained baseline, baseline, main, high.
  return [`avc1.42e0${level}`, `avc1.4200${level}`, `avc1.4d00${level}`, `avc1.6400${level}`];
}
