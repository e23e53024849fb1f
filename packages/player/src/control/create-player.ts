import { createBrowserClock } from "../clock.ts";
import { CanvasPainter } from "../present/canvas-painter.ts";
import { createFrameScheduler } from "../present/frame-scheduler.ts";
import { hlsUpstream } from "../upstream/hls/hls-upstream.ts";
import { webSocketUpstream, webSocketUpstreamBy } from "../upstream/moq/web-socket-upstream.ts";
import { webTransportUpstream } from "../upstream/moq/web-transport-upstream.ts";
import { createTransportMemory } from "../upstream/transport-memory.ts";
import type { UpstreamFactory } from "../upstream/upstream.ts";
import { whepUpstream } from "../upstream/whep/whep-upstream.ts";
import { Player, type PlayerDeps, type PlayerOptions } from "./player.ts";

/** The ways to an edge that this build has. */
export const defaultUpstreams: readonly UpstreamFactory[] = [
  webTransportUpstream,
  webSocketUpstream,
  whepUpstream,
  hlsUpstream,
];

/** With the mapping over WebSocket that is wished for. */
function upstreamsBy({ webSocketMapping = "qmux" }: PlayerOptions): readonly UpstreamFactory[] {
  if (webSocketMapping === "qmux") return defaultUpstreams;
  const wished = webSocketUpstreamBy(webSocketMapping);
  return defaultUpstreams.map((factory) => (factory === webSocketUpstream ? wished : factory));
}

/**
 * A player on this browser's own clock, network and codecs. Call `play()` to start and `close()` to end it.
 * `overrides` replaces parts, such as the list of transports.
 */
export function createPlayer(options: PlayerOptions, overrides: Partial<PlayerDeps> = {}): Player {
  return new Player(options, {
    clock: createBrowserClock(),
    fetch: (...args) => globalThis.fetch(...args),
    random: () => Math.random(),
    userAgent: typeof navigator === "undefined" ? "" : navigator.userAgent,
    memory: createTransportMemory(),
    upstreams: upstreamsBy(options),
    createScheduler: createFrameScheduler,
    createPainter: (canvas) => new CanvasPainter(canvas),
    ...overrides,
  });
}
