import { encodeSize, type Size } from "./encode-size.ts";
import type { VideoLimits } from "./publish-options.ts";

/** One encoding of `RTCRtpSender.setParameters` for a picture of this size within the limits. */
export function videoEncoding(picture: Size | undefined, limits: VideoLimits): RTCRtpEncodingParameters {
  const scale = picture === undefined ? 1 : picture.width / encodeSize(picture, limits).width;
  return {
    active: true,
    maxBitrate: Math.round(limits.bitrate),
    maxFramerate: limits.fps,
    scaleResolutionDownBy: Math.max(1, scale),
  };
}
