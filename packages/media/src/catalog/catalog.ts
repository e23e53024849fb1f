/**
 * hang's catalog (`catalog.json`): which tracks a broadcast has and how to decode them.
 * Keys that are not named here are kept as they are, so that other publishers' extras pass through.
 */
export interface Catalog {
  readonly video?: VideoSection;
  readonly audio?: AudioSection;
  readonly canopy?: CanopySection;
  readonly [key: string]: unknown;
}

export interface VideoSection {
  /** By track name. */
  readonly renditions: Readonly<Record<string, VideoRendition>>;
  readonly display?: { readonly width: number; readonly height: number };
  /** Degrees. */
  readonly rotation?: number;
  readonly flip?: boolean;
  readonly [key: string]: unknown;
}

export interface AudioSection {
  readonly renditions: Readonly<Record<string, AudioRendition>>;
  readonly [key: string]: unknown;
}

/** How frames are wrapped; absent means legacy. */
export type CatalogContainer =
  | { readonly kind: "legacy" }
  | { readonly kind: "cmaf"; readonly init: string }
  | { readonly kind: "loc" };

interface Rendition {
  /** WebCodecs string. */
  readonly codec: string;
  readonly container?: CatalogContainer;
  /** Hex of the decoder configuration; absent for Annex B. */
  readonly description?: string;
  /** Bits per second. */
  readonly bitrate?: number;
  /** Largest extra delay between frames, ms. */
  readonly jitter?: number;
  /** Relative path of the broadcast that has the track, if it is another one. */
  readonly broadcast?: string;
  readonly [key: string]: unknown;
}

export interface VideoRendition extends Rendition {
  readonly codedWidth?: number;
  readonly codedHeight?: number;
  readonly displayAspectWidth?: number;
  readonly displayAspectHeight?: number;
  readonly framerate?: number;
  readonly optimizeForLatency?: boolean;
}

export interface AudioRendition extends Rendition {
  /** Hz. */
  readonly sampleRate: number;
  readonly numberOfChannels: number;
}

/** Canopy's own section of the root. */
export interface CanopySection {
  readonly timed?: { readonly track: string };
  readonly publisher?: "rtmp" | "moq" | "whip";
  /** The video has B-frames, so it cannot go through WebRTC. */
  readonly bFrames?: boolean;
  /**
   * Audio renditions that were transcoded on the way, by the rendition they were made from: whoever can decode the
   * original is better off with it.
   */
  readonly bridges?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export interface CatalogLimits {
  readonly maxBytes: number;
  /** Per section. */
  readonly maxRenditions: number;
  /** Keys of the root, of a section and of a rendition, each. */
  readonly maxKeys: number;
}

/** A CMAF init segment in base64 and dozens of renditions fit. */
export const DEFAULT_CATALOG_LIMITS: CatalogLimits = {
  maxBytes: 256 * 1024,
  maxRenditions: 64,
  maxKeys: 128,
};
