import type { PackagedMedia, PackagedVideo } from "../packaging/packaged-media.ts";

/** Of the catalog where it says so, else a guess that no player refuses. */
const UNKNOWN_VIDEO_BPS = 2_500_000;
const UNKNOWN_AUDIO_BPS = 128_000;
/** Peak over mean of an encoder with a usual buffer, and the container. */
const PEAK_SHARE = 1.25;
const AUDIO_GROUP = "audio";
export const AUDIO_RENDITION_ID = "audio";

/** The part of a rendition's URLs that stands for its track's name, whatever that is. */
export function videoRenditionId(trackName: string): string {
  const isPlain = /^[A-Za-z0-9_-]{1,64}$/.test(trackName) && trackName !== AUDIO_RENDITION_ID;
  return isPlain ? trackName : `~${Buffer.from(trackName).toString("base64url")}`;
}

/** `index.m3u8`: all renditions, with their codecs (RFC 8216 §4.3.4). `suffix`: query of the URIs. */
export function writeMultivariant(media: PackagedMedia, suffix: string): string {
  const { video, audio } = media;
  const lines = ["#EXTM3U", "#EXT-X-VERSION:6"];
  const audioBps = audio === undefined ? 0 : (audio.bitrate ?? UNKNOWN_AUDIO_BPS);
  const audioUri = `~/${AUDIO_RENDITION_ID}/index.m3u8${suffix}`;
  if (audio !== undefined && video.length > 0) {
    lines.push(
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${AUDIO_GROUP}",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="${audio.channels}",URI="${audioUri}"`,
    );
  }
  for (const one of video) {
    const codecs = audio === undefined ? one.codec : `${one.codec},${audio.codec}`;
    const attributes = [
      ...bandwidth((one.rendition.bitrate ?? UNKNOWN_VIDEO_BPS) + audioBps),
      `CODECS="${codecs}"`,
      ...shape(one),
      ...(audio === undefined ? [] : [`AUDIO="${AUDIO_GROUP}"`]),
    ];
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(",")}`);
    lines.push(`~/${videoRenditionId(one.name)}/index.m3u8${suffix}`);
  }
  if (audio !== undefined && video.length === 0) {
    const attributes = [...bandwidth(audioBps), `CODECS="${audio.codec}"`];
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(",")}`, audioUri);
  }
  lines.push("");
  return lines.join("\n");
}

function bandwidth(meanBps: number): readonly string[] {
  return [`BANDWIDTH=${Math.ceil(meanBps * PEAK_SHARE)}`, `AVERAGE-BANDWIDTH=${Math.ceil(meanBps)}`];
}

function shape({ rendition }: PackagedVideo): readonly string[] {
  const { codedWidth, codedHeight, framerate } = rendition;
  return [
    ...(codedWidth === undefined || codedHeight === undefined
      ? []
      : [`RESOLUTION=${codedWidth}x${codedHeight}`]),
    ...(framerate === undefined ? [] : [`FRAME-RATE=${framerate.toFixed(3)}`]),
  ];
}
