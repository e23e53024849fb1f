import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;
/** A picture is compared with the sound next to it; beyond this they are not of the same stretch. */
const NEIGHBOUR_SECONDS = 0.1;

/** As ffprobe shows a packet with `-show_data_hash md5`. */
export interface HashedPacket {
  readonly codec_type: string;
  readonly pts_time: string;
  readonly data_hash: string;
}

/** Where a packet of the clip is shown in the file, and where it was in the clip, s. */
interface Match {
  readonly shown: number;
  readonly meant: number;
}

export interface SyncMeasurement {
  /** Pictures that were found with the sound next to them. */
  readonly pictures: number;
  /** The most by which a picture comes too late or too early against its sound, ms. */
  readonly worstMs: number;
}

/**
 * How far a file, to which a clip has come without being encoded again, has moved the clip's pictures against its sound.
 * Packets are recognised by their bytes; those that Canopy changes (parameter sets, messages) are left out.
 */
export async function measureSync(file: string, clip: string): Promise<SyncMeasurement> {
  return comparePackets(await hashPackets(file), clip);
}

/** The same for packets that were read already. */
export async function comparePackets(found: readonly HashedPacket[], clip: string): Promise<SyncMeasurement> {
  const wanted = await hashPackets(clip);
  const video = match(found, wanted, "video");
  const audio = match(found, wanted, "audio");
  let pictures = 0;
  let worstMs = 0;
  for (const picture of video) {
    const distance = (sound: Match) => Math.abs(sound.meant - picture.meant);
    // The nearest: what a clock that is being corrected does between the two would count, too.
    const [sound] = audio
      .filter((each) => Math.abs(each.shown - picture.shown) <= NEIGHBOUR_SECONDS)
      .filter((each) => distance(each) <= NEIGHBOUR_SECONDS)
      .sort((left, right) => distance(left) - distance(right));
    if (sound === undefined) continue;
    const skewMs = (picture.shown - picture.meant - (sound.shown - sound.meant)) * 1_000;
    worstMs = Math.max(worstMs, Math.abs(skewMs));
    pictures += 1;
  }
  return { pictures, worstMs };
}

function match(
  found: readonly HashedPacket[],
  wanted: readonly HashedPacket[],
  kind: "video" | "audio",
): Match[] {
  const places = new Map<string, number | undefined>();
  for (const { codec_type: type, data_hash: hash, pts_time: time } of wanted) {
    // What is there twice could be either.
    if (type === kind) places.set(hash, places.has(hash) ? undefined : Number(time));
  }
  return found.flatMap(({ codec_type: type, data_hash: hash, pts_time: time }) => {
    const meant = type === kind ? places.get(hash) : undefined;
    return meant === undefined ? [] : [{ shown: Number(time), meant }];
  });
}

async function hashPackets(file: string): Promise<readonly HashedPacket[]> {
  const entries = "packet=codec_type,pts_time,data_hash";
  const args = ["-v", "error", "-show_data_hash", "md5", "-show_entries", entries, "-of", "json", file];
  const { stdout } = await run("ffprobe", args, { maxBuffer: MAX_OUTPUT_BYTES });
  return (JSON.parse(stdout) as { readonly packets: readonly HashedPacket[] }).packets;
}
