import {
  type InitEntry,
  initFile,
  type RecordingContents,
  type SegmentEntry,
  segmentFile,
} from "./recording-journal.ts";
import type { RecordedTrack } from "./segment-batch.ts";

/** fMP4 and EXT-X-INDEPENDENT-SEGMENTS (RFC 8216bis §8). */
const PLAYLIST_VERSION = 7;
/** A running playlist must not change its target duration (§4.4.3.1): room for keyframes that come late. */
const MIN_TARGET_SECONDS = 10;

/** The playlists of a recording by file name; without any segment there is none. */
export function writePlaylists(contents: RecordingContents): ReadonlyMap<string, string> {
  const playlists = new Map<string, string>();
  for (const track of ["video", "audio"] as const) {
    if (contents.segments[track].length > 0) playlists.set(`${track}.m3u8`, mediaPlaylist(contents, track));
  }
  if (playlists.size > 0) playlists.set("index.m3u8", multivariantPlaylist(contents));
  return playlists;
}

/** EVENT while the recording runs, so that players may start at its beginning; VOD once it is over. */
function mediaPlaylist(contents: RecordingContents, track: RecordedTrack): string {
  const segments = contents.segments[track];
  const longest = segments.reduce((most, { durationUs }) => Math.max(most, durationUs), 0);
  const targetSeconds = Math.ceil(longest / 1_000_000);
  const lines = [
    "#EXTM3U",
    `#EXT-X-VERSION:${PLAYLIST_VERSION}`,
    `#EXT-X-TARGETDURATION:${contents.ended ? targetSeconds : Math.max(targetSeconds, MIN_TARGET_SECONDS)}`,
    "#EXT-X-MEDIA-SEQUENCE:1",
    `#EXT-X-PLAYLIST-TYPE:${contents.ended ? "VOD" : "EVENT"}`,
    "#EXT-X-INDEPENDENT-SEGMENTS",
  ];
  let init = 0;
  for (const segment of segments) {
    if (segment.discontinuity) lines.push("#EXT-X-DISCONTINUITY");
    if (segment.init !== init) {
      init = segment.init;
      lines.push(`#EXT-X-MAP:URI="${initFile({ track, number: init })}"`);
    }
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(Math.round(segment.mediaUs / 1_000)).toISOString()}`);
    lines.push(`#EXTINF:${(segment.durationUs / 1_000_000).toFixed(6)},`, segmentFile(segment));
  }
  if (contents.ended) lines.push("#EXT-X-ENDLIST");
  return `${lines.join("\n")}\n`;
}

function multivariantPlaylist(contents: RecordingContents): string {
  const { video, audio } = contents.segments;
  const lines = ["#EXTM3U", `#EXT-X-VERSION:${PLAYLIST_VERSION}`, "#EXT-X-INDEPENDENT-SEGMENTS"];
  const bandwidth = peakBitrate(video) + peakBitrate(audio);
  const average = meanBitrate(video) + meanBitrate(audio);
  const codecs = [codecOf(contents.inits.video), codecOf(contents.inits.audio)].filter(
    (codec) => codec !== "",
  );
  const attributes = [
    `BANDWIDTH=${bandwidth}`,
    `AVERAGE-BANDWIDTH=${average}`,
    `CODECS="${codecs.join(",")}"`,
  ];
  if (video.length === 0) {
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(",")}`, "audio.m3u8");
    return `${lines.join("\n")}\n`;
  }
  const { width, height } = contents.inits.video[0] ?? {};
  if (width !== undefined && height !== undefined) attributes.push(`RESOLUTION=${width}x${height}`);
  if (audio.length > 0) {
    lines.push(
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,URI="audio.m3u8"',
    );
    attributes.push('AUDIO="audio"');
  }
  lines.push(`#EXT-X-STREAM-INF:${attributes.join(",")}`, "video.m3u8");
  return `${lines.join("\n")}\n`;
}

function codecOf(inits: readonly InitEntry[]): string {
  return inits[0]?.codec ?? "";
}

function peakBitrate(segments: readonly SegmentEntry[]): number {
  let peak = 0;
  for (const { bytes, durationUs } of segments) {
    if (durationUs > 0) peak = Math.max(peak, Math.ceil((bytes * 8_000_000) / durationUs));
  }
  return peak;
}

function meanBitrate(segments: readonly SegmentEntry[]): number {
  let bytes = 0;
  let durationUs = 0;
  for (const segment of segments) {
    bytes += segment.bytes;
    durationUs += segment.durationUs;
  }
  return durationUs === 0 ? 0 : Math.ceil((bytes * 8_000_000) / durationUs);
}
