import { PlayerError } from "../player-error.ts";
import { type OpenMedia, openMedia } from "./open-media.ts";
import type { PublishOptions, VideoLimits } from "./publish-options.ts";

/** Opens the source as the options wish. Throws `PlayerError` whatever the reason. */
export async function captureMedia(options: PublishOptions, limits: VideoLimits): Promise<OpenMedia> {
  const { source, video, audio } = options;
  const { width, height, fps } = limits;
  try {
    return await openMedia(source, {
      video: video !== false && { width, height, framerate: fps },
      audio: audio !== false,
      videoDeviceId: video === false ? undefined : video?.deviceId,
      audioDeviceId: audio === false ? undefined : audio?.deviceId,
    });
  } catch (cause) {
    throw PlayerError.of(cause, "configuration", "the source cannot be opened");
  }
}
