import type { Admission, SessionGate } from "@canopy/relay/node";
import { WebRtcRoutes } from "@canopy/relay/webrtc";
import type { HttpServer } from "@canopy/runtime";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import type { WhepOptions } from "./whep-options.ts";
import { WhepService, type WhepServiceDeps } from "./whep-service.ts";

export interface WhepEndpointDeps extends WhepServiceDeps {
  /** Belongs to whoever opened it. */
  readonly webrtc: WebRtcEngine;
}

/** WHEP at a node: the HTTP routes, and the sessions behind them. */
export class WhepEndpoint {
  readonly service: WhepService;
  readonly #options: WhepOptions;
  readonly #deps: WhepEndpointDeps;
  #routes: WebRtcRoutes | undefined;

  constructor(options: WhepOptions, deps: WhepEndpointDeps) {
    this.#options = options;
    this.#deps = deps;
    this.service = new WhepService(options, deps);
  }

  /** Before the HTTP server listens; again if another one is tried on another port. */
  async register(app: HttpServer["app"], admission: Admission, gate: SessionGate): Promise<void> {
    const { webrtc: engine, metrics } = this.#deps;
    const { iceServers, maxHalfOpenPerAddress } = this.#options;
    this.#routes?.close();
    this.#routes = await WebRtcRoutes.register(
      app,
      { role: "whep", iceServers, maxHalfOpenPerAddress },
      {
        engine,
        admission,
        gate,
        metrics,
        preparePeer: (request) => this.service.preparePeer(request),
      },
    );
  }

  /** Ends all sessions. Idempotent. */
  close(): void {
    this.#routes?.close();
    this.service.close();
  }
}
