import { MediaPublisher } from "./media-publisher.ts";
import type { Publisher, PublishOptions } from "./publish-options.ts";
import { WhipPublisher } from "./whip-publisher.ts";

export { PlayerError, type PlayerErrorCode } from "../player-error.ts";
export { LevelMeter } from "./level-meter.ts";
export { type MediaSource, type MediaWishes, type OpenMedia, openMedia } from "./open-media.ts";
export type {
  PublishAudioOptions,
  Publisher,
  PublisherState,
  PublisherStats,
  PublishOptions,
  PublishVideoOptions,
  VideoLimits,
} from "./publish-options.ts";
export { workerTicker } from "./worker-ticker.ts";

/**
 * Publishes a camera, a screen or any MediaStream as H.264 and Opus, over MoQ or by WHIP. Returns at once; the state tells how it
 * goes. Throws `PlayerError` "unsupported" or "configuration" when it cannot even begin.
 */
export function publish(options: PublishOptions): Publisher {
  return options.protocol === "whip" ? new WhipPublisher(options) : new MediaPublisher(options);
}
