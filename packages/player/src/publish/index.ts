import { MediaPublisher } from "./media-publisher.ts";
import type { Publisher, PublishOptions } from "./publish-options.ts";

export { PlayerError, type PlayerErrorCode } from "../player-error.ts";
export type { MediaSource } from "./open-media.ts";
export type {
  PublishAudioOptions,
  Publisher,
  PublisherState,
  PublisherStats,
  PublishOptions,
  PublishVideoOptions,
} from "./publish-options.ts";

/**
 * Publishes a camera, a screen or any MediaStream as H.264 and Opus over MoQ. Returns at once; the state tells how it
 * goes. Throws `PlayerError` "unsupported" or "configuration" when it cannot even begin.
 */
export function publish(options: PublishOptions): Publisher {
  return new MediaPublisher(options);
}
