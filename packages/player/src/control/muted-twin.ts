import type { UpstreamRequest } from "../upstream/upstream.ts";

/** An element like that of the page, for media that nobody is to see or hear. */
export function mutedTwin({
  mediaElement,
}: Pick<UpstreamRequest, "mediaElement">): Pick<UpstreamRequest, "mediaElement"> {
  const twin = mediaElement?.cloneNode(false) as HTMLVideoElement | undefined;
  if (twin !== undefined) twin.muted = true;
  return { mediaElement: twin };
}
