import type { VideoRendition } from "@canopy/media/catalog";
import type { H264Shaper } from "./h264-shaper.ts";

/** What a publisher says about its stream beside the stream itself. */
export interface AnnouncedVideo {
  readonly framerate?: number | undefined;
  /** Bits per second. */
  readonly bitrate?: number | undefined;
  /** Largest distance between decoding and presentation, ms. */
  readonly jitterMs?: number;
}

/** The catalog entry of an H.264 stream; undefined before its parameter sets are known. */
export function describeH264(shaper: H264Shaper, announced: AnnouncedVideo = {}): VideoRendition | undefined {
  const { sps, codec, bFrames } = shaper;
  if (sps === undefined || codec === undefined) return undefined;
  const { bitrate, jitterMs = 0 } = announced;
  const framerate = announced.framerate ?? sps.framerate;
  return {
    codec,
    codedWidth: sps.codedWidth,
    codedHeight: sps.codedHeight,
    ...(isSquare(sps.sarWidth, sps.sarHeight)
      ? {}
      : {
          displayAspectWidth: sps.codedWidth * (sps.sarWidth ?? 1),
          displayAspectHeight: sps.codedHeight * (sps.sarHeight ?? 1),
        }),
    ...(framerate === undefined ? {} : { framerate }),
    ...(bitrate === undefined ? {} : { bitrate }),
    ...(jitterMs === 0 ? {} : { jitter: jitterMs }),
    optimizeForLatency: !bFrames,
  };
}

function isSquare(sarWidth: number | undefined, sarHeight: number | undefined): boolean {
  return sarWidth === undefined || sarHeight === undefined || sarWidth === sarHeight;
}
