import {
  type AnnounceResponder,
  type FetchResponder,
  forwardEvents,
  framePayload,
  type IncomingGroup,
  MoqSession,
  type MoqSessionHandler,
  type MoqSessionOptions,
  type PeerSetup,
  type ProbeResponder,
  type SubscribeOptions,
  type SubscribeResponder,
  type Subscription,
  type TrackInfo,
  type TrackInfoResponder,
  type Version,
  type WireFrame,
} from "@canopy/protocol";
import type { Session, SessionClose } from "@canopy/transport";
import { createMemoryPair, type MemoryClock, type MemoryPairOptions } from "@canopy/transport/memory";
import type { StreamRecorder } from "./record-streams.ts";

export const VERSIONS: readonly Version[] = ["lite-05", "lite-04", "lite-03", "lite-02"];

export const OPTIONS: SubscribeOptions = {
  priority: 60,
  ordered: false,
  maxLatencyMs: 0,
  startGroup: undefined,
  endGroup: undefined,
};

export const INFO: TrackInfo = { priority: 60, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };

/** Records what one end of a test session is asked and told. */
export class RecordingHandler implements MoqSessionHandler {
  readonly versions: Version[] = [];
  readonly setups: PeerSetup[] = [];
  readonly announceRequests: AnnounceResponder[] = [];
  readonly trackRequests: TrackInfoResponder[] = [];
  readonly subscribes: SubscribeResponder[] = [];
  readonly fetches: FetchResponder[] = [];
  readonly probes: ProbeResponder[] = [];
  readonly goaways: string[] = [];
  readonly datagrams: { sequence: number; timestamp: number; payload: number[] }[] = [];

  onReady(version: Version): void {
    this.versions.push(version);
  }
  onPeerSetup(setup: PeerSetup): void {
    this.setups.push(setup);
  }
  onAnnounceRequest(request: AnnounceResponder): void {
    this.announceRequests.push(request);
  }
  onTrackInfoRequest(request: TrackInfoResponder): void {
    this.trackRequests.push(request);
  }
  onSubscribe(request: SubscribeResponder): void {
    this.subscribes.push(request);
  }
  onFetch(request: FetchResponder): void {
    this.fetches.push(request);
  }
  onProbe(request: ProbeResponder): void {
    this.probes.push(request);
  }
  onGoaway(uri: string): void {
    this.goaways.push(uri);
  }
  onDatagramFrame(_subscription: Subscription, sequence: number, frame: WireFrame): void {
    this.datagrams.push({ sequence, timestamp: frame.timestamp, payload: [...framePayload(frame)] });
  }
}

/** The events of one subscription as text, in order, and its groups. */
export class SubscriptionLog {
  readonly events: string[] = [];
  readonly groups: IncomingGroup[] = [];
  readonly frames: WireFrame[] = [];
  readonly infos: TrackInfo[] = [];

  onInfo(info: TrackInfo): void {
    this.infos.push(info);
    this.events.push("info");
  }
  onGroup(group: IncomingGroup): void {
    this.groups.push(group);
    this.events.push(`group ${group.sequence}`);
    group.listener = {
      onFrame: (frame) => {
        this.frames.push(frame);
        this.events.push(`frame ${group.sequence} ${framePayload(frame).length}`);
      },
      onEnd: () => this.events.push(`end ${group.sequence}`),
      onAborted: (code) => this.events.push(`aborted ${group.sequence} ${code}`),
    };
  }
  onDropped(start: number, end: number, code: number): void {
    this.events.push(`dropped ${start}-${end} ${code}`);
  }
  onClosed(code: number | undefined): void {
    this.events.push(`closed ${code}`);
  }
}

/** The events of one announce request as text, in order. */
export class AnnounceLog {
  readonly events: string[] = [];

  onActive(path: string, hops: readonly number[]): void {
    this.events.push(`active ${path} ${hops.join(",")}`);
  }
  onReplaced(path: string, hops: readonly number[], restarted: boolean): void {
    this.events.push(`replaced ${path} ${hops.join(",")} ${restarted}`);
  }
  onEnded(path: string): void {
    this.events.push(`ended ${path}`);
  }
  onReady(): void {
    this.events.push("ready");
  }
  onClosed(code: number | undefined): void {
    this.events.push(`closed ${code}`);
  }
}

export const CLIENT_ORIGIN_ID = 0x1111;
export const SERVER_ORIGIN_ID = 0x2222;

/** Subprotocol per version; none leads to the legacy SETUP. */
export const PROTOCOL_OF_VERSION: Readonly<Record<Version, string>> = {
  "lite-05": "moq-lite-05",
  "lite-04": "moq-lite-04",
  "lite-03": "moq-lite-03",
  "lite-02": "",
};

export interface SessionPair {
  readonly client: MoqSession;
  readonly server: MoqSession;
  readonly clientHandler: RecordingHandler;
  readonly serverHandler: RecordingHandler;
  readonly clock: MemoryClock;
  readonly wires: { readonly client: Session; readonly server: Session };
  readonly closes: { readonly side: string; readonly code: number | undefined }[];
  /** Runs what is under way, and one tick on either side. */
  run(): void;
}

export interface SessionPairOptions extends MemoryPairOptions {
  readonly clientOptions?: Partial<MoqSessionOptions>;
  readonly serverOptions?: Partial<MoqSessionOptions>;
  readonly recorder?: StreamRecorder;
}

/** Two sessions over the memory transport, the server being the publisher of most tests. */
export function createSessionPair(version: Version, options: SessionPairOptions = {}): SessionPair {
  const pair = createMemoryPair({ protocol: PROTOCOL_OF_VERSION[version], ...options });
  const { recorder } = options;
  recorder?.tapSession(pair.client, "client");
  recorder?.tapSession(pair.server, "server");
  const closes: { side: string; code: number | undefined }[] = [];
  const clientHandler = new RecordingHandler();
  const serverHandler = new RecordingHandler();
  const client = new MoqSession(
    { wire: pair.client, role: "client", originId: CLIENT_ORIGIN_ID, ...options.clientOptions },
    clientHandler,
  );
  const server = new MoqSession(
    { wire: pair.server, role: "server", originId: SERVER_ORIGIN_ID, ...options.serverOptions },
    serverHandler,
  );
  for (const [side, wire, session] of [
    ["client", pair.client, client],
    ["server", pair.server, server],
  ] as const) {
    wire.handler = {
      ...forwardEvents<SessionClose>(session, ({ code }) => closes.push({ side, code })),
      onBidiStream: (stream) => {
        recorder?.tapAccepted(stream, side);
        session.onBidiStream(stream);
      },
    };
  }
  const run = (): void => {
    pair.clock.run();
    client.onTick(pair.clock.nowMs());
    server.onTick(pair.clock.nowMs());
    pair.clock.run();
  };
  return { client, server, clientHandler, serverHandler, clock: pair.clock, wires: pair, closes, run };
}
