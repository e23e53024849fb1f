import type { AudioRendition, Catalog, CatalogContainer, VideoRendition } from "@canopy/media/catalog";

/** A rendition that can go out by RTP as it is. */
export interface PlayableRendition {
  /** Name of its track. */
  readonly name: string;
  /** Bits per second as the catalog says; undefined if it does not. */
  readonly bitrate: number | undefined;
  /** `profile_idc` of H.264. */
  readonly profile: number | undefined;
}

/** What of a broadcast WebRTC can carry; video from the highest bitrate to the lowest. */
export interface PlayableMedia {
  readonly video: readonly PlayableRendition[];
  readonly audio: PlayableRendition | undefined;
  /** Its pictures are not in the order in which they are shown. */
  readonly hasBFrames: boolean;
  readonly timedTrack: string | undefined;
  /** Codecs of renditions that were left out, for messages. */
  readonly leftOut: readonly string[];
}

/**
 * H.264 as Annex B, and Opus. A rendition with a `description` has its parameter sets out of band, where RTP has no
 * place for them. When an origin bridges AAC to Opus, the Opus rendition is the one that is taken.
 */
export function playableMedia(catalog: Catalog): PlayableMedia {
  const video: PlayableRendition[] = [];
  const leftOut: string[] = [];
  let audio: PlayableRendition | undefined;
  for (const [name, rendition] of Object.entries(catalog.video?.renditions ?? {})) {
    if (isPlayableVideo(rendition)) {
      const profile = Number.parseInt(rendition.codec.slice(5, 7), 16);
      video.push({ name, bitrate: rendition.bitrate, profile: Number.isNaN(profile) ? undefined : profile });
    } else leftOut.push(rendition.codec);
  }
  for (const [name, rendition] of Object.entries(catalog.audio?.renditions ?? {})) {
    if (!isPlayableAudio(rendition)) leftOut.push(rendition.codec);
    else audio ??= { name, bitrate: rendition.bitrate, profile: undefined };
  }
  video.sort((left, right) => (right.bitrate ?? 0) - (left.bitrate ?? 0));
  return {
    video,
    audio,
    hasBFrames: catalog.canopy?.bFrames === true,
    timedTrack: catalog.canopy?.timed?.track,
    leftOut,
  };
}

function isPlayableVideo(rendition: VideoRendition): boolean {
  return (
    /^avc[13]\./.test(rendition.codec) &&
    rendition.description === undefined &&
    rendition.broadcast === undefined &&
    isLegacy(rendition.container)
  );
}

function isPlayableAudio(rendition: AudioRendition): boolean {
  return rendition.codec === "opus" && rendition.broadcast === undefined && isLegacy(rendition.container);
}

function isLegacy(container: CatalogContainer | undefined): boolean {
  return container === undefined || container.kind === "legacy";
}
