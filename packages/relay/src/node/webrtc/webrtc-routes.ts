import type { Clock, HttpServer, Logger, Metrics } from "@canopy/runtime";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import type { Admission } from "../admission.ts";
import type { SessionGate } from "../session-gate.ts";
import type { PreparePeer, WebRtcRole } from "./peer-request.ts";

/** A STUN or TURN server that clients are told of by `Link: <…>; rel="ice-server"` (RFC 9725 section 4.6). */
export interface AnnouncedIceServer {
  readonly url: string;
  readonly username?: string;
  readonly credential?: string;
}

export interface WebRtcRoutesOptions {
  /** Also the first segment of the path and the metrics' label `transport`. */
  readonly role: WebRtcRole;
  readonly iceServers: readonly AnnouncedIceServer[];
}

export interface WebRtcRoutesDeps {
  readonly engine: WebRtcEngine;
  readonly admission: Admission;
  /** Counts these sessions together with those of the other transports, and ends them when their tokens expire. */
  readonly gate: SessionGate;
  readonly preparePeer: PreparePeer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The routes of one role under `/whip/…` or `/whep/…`; close it with the node. */
export interface WebRtcRoutes {
  /** Sessions whose resource exists. */
  readonly size: number;
  /** Ends all sessions. Idempotent. */
  close(): void;
}

export type RegisterWebRtcRoutes = (
  app: HttpServer["app"],
  options: WebRtcRoutesOptions,
  deps: WebRtcRoutesDeps,
) => WebRtcRoutes;
