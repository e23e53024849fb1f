/**
 * The description with a media section in a stream of its own. Browsers present what is in one stream together, so that
 * the picture waits for its sound even where nobody hears it; in streams of their own each can be held for its own time.
 */
export function inOwnStream(sdp: string, mid: string): string {
  return sdp
    .split(/^(?=m=)/m)
    .map((section) => {
      if (/^a=mid:(\S+)\s*$/m.exec(section)?.[1] !== mid) return section;
      return section.replaceAll(/^(a=(?:ssrc:\d+ )?msid:)(\S+)/gm, "$1$2-own");
    })
    .join("");
}
