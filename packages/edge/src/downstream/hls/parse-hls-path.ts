import { normalizeScopePath } from "@canopy/runtime";

/** What a URL below `/hls/` means. */
export type HlsPath =
  | { readonly kind: "multivariant"; readonly broadcast: string }
  | { readonly kind: "playlist"; readonly broadcast: string; readonly rendition: string }
  | {
      readonly kind: "file";
      readonly broadcast: string;
      readonly rendition: string;
      /** Of the window that it belongs to. */
      readonly window: string;
      readonly file: HlsFile;
    };

export type HlsFile =
  | { readonly kind: "init"; readonly init: number }
  | { readonly kind: "segment"; readonly sequence: number; readonly part: number | undefined };

const INDEX = "index.m3u8";
/** No broadcast's path has this segment. */
const SEPARATOR = "/~/";
const RENDITION = /^~?[A-Za-z0-9_-]{1,400}$/;
const INIT_FILE = /^([0-9a-f]{10})-init-(\d{1,9})\.mp4$/;
const SEGMENT_FILE = /^([0-9a-f]{10})-(\d{1,12})(?:\.(\d{1,6}))?\.m4s$/;

/**
 * Reads what stands behind `/hls/`. Names are matched whole against what this node hands out, and nothing of it ever
 * comes near a file system.
 */
export function parseHlsPath(path: string): HlsPath | undefined {
  const at = path.lastIndexOf(SEPARATOR);
  if (at < 0) {
    if (!path.endsWith(`/${INDEX}`)) return undefined;
    return { kind: "multivariant", broadcast: normalizeScopePath(path.slice(0, -INDEX.length - 1)) };
  }
  const broadcast = normalizeScopePath(path.slice(0, at));
  const [rendition = "", name = "", ...rest] = path.slice(at + SEPARATOR.length).split("/");
  if (!RENDITION.test(rendition) || rest.length > 0) return undefined;
  if (name === INDEX) return { kind: "playlist", broadcast, rendition };
  const init = INIT_FILE.exec(name);
  if (init !== null) {
    const file = { kind: "init", init: Number(init[2]) } as const;
    return { kind: "file", broadcast, rendition, window: init[1] ?? "", file };
  }
  const segment = SEGMENT_FILE.exec(name);
  if (segment === null) return undefined;
  const part = segment[3] === undefined ? undefined : Number(segment[3]);
  const file = { kind: "segment", sequence: Number(segment[2]), part } as const;
  return { kind: "file", broadcast, rendition, window: segment[1] ?? "", file };
}
