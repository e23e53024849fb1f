import type { AudioRendition, Catalog, VideoRendition } from "@canopy/media/catalog";

export interface ChosenRenditions {
  readonly video: { readonly name: string; readonly rendition: VideoRendition } | undefined;
  readonly audio: { readonly name: string; readonly rendition: AudioRendition } | undefined;
}

/** Frames in another container need another reader, and tracks of another broadcast another subscription. */
function isReadable(rendition: VideoRendition | AudioRendition): boolean {
  return (
    (rendition.container === undefined || rendition.container.kind === "legacy") &&
    rendition.broadcast === undefined
  );
}

function pixels(rendition: VideoRendition): number {
  return (rendition.codedWidth ?? 0) * (rendition.codedHeight ?? 0);
}

/** Names of the playable video renditions, largest picture first. */
export function videoRenditionNames(
  catalog: Catalog,
  canDecode: (codec: string) => boolean = () => true,
): string[] {
  return Object.entries(catalog.video?.renditions ?? {})
    .filter(([, rendition]) => isReadable(rendition) && canDecode(rendition.codec))
    .sort(([, a], [, b]) => pixels(b) - pixels(a) || (b.bitrate ?? 0) - (a.bitrate ?? 0))
    .map(([name]) => name);
}

/**
 * The renditions to play: the wished one, or the largest that this device can decode. Sound that was transcoded on the
 * way has lost quality and time to it: it is for whoever cannot decode the original. `canDecode` answers for a codec
 * string.
 */
export function chooseRenditions(
  catalog: Catalog,
  wish: string | undefined,
  canDecode: (codec: string) => boolean,
): ChosenRenditions {
  const names = videoRenditionNames(catalog, canDecode);
  const videoName = wish !== undefined && names.includes(wish) ? wish : names[0];
  const video = videoName === undefined ? undefined : catalog.video?.renditions[videoName];
  const bridges = catalog.canopy?.bridges ?? {};
  const isBridged = (name: string): number => Number(Object.hasOwn(bridges, name));
  const audio = Object.entries(catalog.audio?.renditions ?? {})
    .filter(([, rendition]) => isReadable(rendition) && canDecode(rendition.codec))
    .sort(
      ([nameA, a], [nameB, b]) => isBridged(nameA) - isBridged(nameB) || (b.bitrate ?? 0) - (a.bitrate ?? 0),
    )[0];
  return {
    video: videoName === undefined || video === undefined ? undefined : { name: videoName, rendition: video },
    audio: audio === undefined ? undefined : { name: audio[0], rendition: audio[1] },
  };
}
