import type { Clock, Logger } from "@canopy/runtime";
import type { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import type { Publisher } from "../../ingest/publisher.ts";
import { FlvIngest } from "./flv-ingest.ts";
import type { PublishTarget } from "./publish-target.ts";
import type { RtmpPublication } from "./rtmp-connection.ts";
import {
  type RtmpPublisher,
  RtmpServer,
  type RtmpServerCounters,
  type RtmpServerOptions,
} from "./rtmp-server.ts";

/**
 * Rejects with an OriginError if the token, or nobody without one, may publish the path, or there is no room. Ends the
 * connection when the token expires.
 */
export type AuthorizePublish = (
  path: string,
  token: string | undefined,
  connection: RtmpPublisher,
) => Promise<void>;

export interface RtmpIngestDeps {
  readonly registry: BroadcastRegistry;
  readonly authorize: AuthorizePublish;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: RtmpServerCounters;
  /** A publisher's session was let in; the returned function is called when it is over. */
  readonly onPublisher?: (publisher: Publisher, path: string) => () => void;
}

/** RTMP publishers into broadcasts. */
export function createRtmpIngest(options: RtmpServerOptions, deps: RtmpIngestDeps): RtmpServer {
  const { registry, clock, logger } = deps;
  const open = async (target: PublishTarget, connection: RtmpPublisher): Promise<RtmpPublication> => {
    await deps.authorize(target.path, target.token, connection);
    const publisher: Publisher = {
      protocol: "rtmp",
      remoteAddress: connection.remoteAddress,
      kick: (error) => connection.kick(error),
    };
    const ingest = registry.open(target.path, publisher);
    const onOver = deps.onPublisher?.(publisher, target.path);
    const release = (): void => {
      registry.release(ingest, publisher);
      onOver?.();
    };
    return new FlvIngest({ ingest, clock, logger, release });
  };
  return new RtmpServer(options, { open, clock, logger, counters: deps.counters });
}
