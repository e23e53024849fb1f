/** What may be asked for of a recording, and nothing else: a name that does not fit names no file. */
const FILE_NAME =
  /^(?:(?:index|video|audio)\.m3u8|(?:video|audio)-(?:init-\d{1,9}\.mp4|\d{6,9}\.m4s)|video\.mp4|timeline\.json)$/;

export const MP4_FILE = "video.mp4";
export const TIMELINE_FILE = "timeline.json";

export function isRecordingFile(name: string): boolean {
  return FILE_NAME.test(name);
}

export function contentTypeOf(name: string): string {
  if (name.endsWith(".m3u8")) return "application/vnd.apple.mpegurl";
  if (name.endsWith(".json")) return "application/json; charset=utf-8";
  return name.endsWith(".m4s") ? "video/iso.segment" : "video/mp4";
}

/** Playlists and the timeline change while a recording runs; segments never do. */
export function isGrowing(name: string): boolean {
  return name.endsWith(".m3u8") || name.endsWith(".json");
}
