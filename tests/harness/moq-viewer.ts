import {
  framePayload,
  type IncomingGroup,
  MoqSession,
  type MoqSessionHandler,
  type Subscription,
  type WireFrame,
} from "@canopy/protocol";
import type { Session, SessionClose } from "@canopy/transport";
import { connectQuic, type QuicLoop } from "@canopy/transport/quic";
import { connectWebSocket, RecordWriter } from "@canopy/transport/websocket";
import { dialFails } from "./fails-client.ts";
import { ThrottledReading } from "./throttled-reading.ts";

const TRACK_PRIORITY: Readonly<Record<string, number>> = {
  "catalog.json": 100,
  timed: 90,
  audio: 80,
  video: 60,
};

const SILENT = { debug: () => {}, warn: () => {} };

/** What one viewer saw of one track. */
export interface TrackView {
  frames: number;
  bytes: number;
  groupsStarted: number;
  groupsEnded: number;
  groupsAborted: number;
  /** Sequences in order of arrival, the newest `SEQUENCES_KEPT` of them. */
  readonly sequences: number[];
  lastTimestampUs: number;
  closedCode: number | undefined;
  closed: boolean;
}

/** Hundreds of clients in one process on a busy machine take their time. */
const HANDSHAKE_TIMEOUT_MS = 60_000;
const DEFAULT_PROTOCOL = "moq-lite-05";
const SEQUENCES_KEPT = 10_000;
/** Of all viewers over WebSocket of this process. */
const sharedWriter = new RecordWriter();

export interface MoqViewerOptions {
  /** Such as `http://127.0.0.1:4443`; the host and port of the node. */
  readonly url: string;
  readonly broadcast: string;
  readonly tracks: readonly string[];
  /**
   * "quic" dials raw QUIC with ALPN, "webtransport" HTTP/3, "websocket" QMux on the TCP port, and "websocket-fails"
   * WebTransport there by `@fails-components/webtransport`.
   */
  readonly transport?: "quic" | "webtransport" | "websocket" | "websocket-fails";
  readonly protocol?: string;
  /** Shared by all viewers of a process, which else would have a loop, a timer and a flush interval each. */
  readonly loop?: QuicLoop;
  /** How long an older group is still wanted once a newer one is there; 0 is the node's own grace. */
  readonly maxLatencyMs?: number;
  /** Window of each stream: how far the node may be ahead of what is read. */
  readonly streamWindowBytes?: number;
  readonly onFrame?: (track: string, sequence: number, frame: WireFrame) => void;
}

function dial(options: MoqViewerOptions): Promise<Session> {
  if (options.transport === "websocket") return dialWebSocket(options);
  if (options.transport !== "websocket-fails") return dialQuic(options);
  return dialFails(new URL(options.url), [options.protocol ?? DEFAULT_PROTOCOL]);
}

/** A viewer without a screen: subscribes to tracks of one broadcast and counts what arrives. */
export class MoqViewer {
  readonly tracks = new Map<string, TrackView>();
  readonly session: Session;
  closed: SessionClose | undefined;
  /** Where the node has asked it to go on; "" = elsewhere. */
  goaway: string | undefined;
  readonly #moq: MoqSession;
  readonly #options: MoqViewerOptions;
  readonly #subscriptions: Subscription[] = [];
  #throttle: ThrottledReading | undefined;

  private constructor(session: Session, options: MoqViewerOptions) {
    this.session = session;
    this.#options = options;
    this.#moq = new MoqSession(
      { wire: session, role: "client", originId: 1 + Math.floor(Math.random() * 2 ** 40), path: "/" },
      ignoreRequests((uri) => {
        this.goaway = uri;
      }),
    );
    session.handler = {
      onUniStream: (stream) => {
        this.#throttle?.take(stream);
        this.#moq.onUniStream(stream);
      },
      onBidiStream: (stream) => this.#moq.onBidiStream(stream),
      onDatagram: (bytes) => this.#moq.onDatagram(bytes),
      onStreamsAvailable: () => this.#moq.onStreamsAvailable(),
      onClose: (close) => {
        this.closed = close;
        this.unthrottle();
        this.#moq.onTransportClosed();
      },
    };
  }

  /** Connects and subscribes; resolves once the session is up. */
  static async connect(options: MoqViewerOptions): Promise<MoqViewer> {
    const session = await dial(options);
    const viewer = new MoqViewer(session, options);
    for (const track of options.tracks) viewer.subscribe(track);
    return viewer;
  }

  /** What was seen of a track. */
  view(track: string): TrackView {
    const view = this.tracks.get(track);
    if (view === undefined) throw new Error(`not subscribed to ${track}`);
    return view;
  }

  /** From now on media is read one window at a time, `readsPerSecond` windows of all streams together. */
  throttle(readsPerSecond: number): void {
    this.#throttle = new ThrottledReading(readsPerSecond);
  }

  unthrottle(): void {
    this.#throttle?.close();
    this.#throttle = undefined;
  }

  /** From now on an older group is wanted for so long once a newer one is there; as `maxLatencyMs` of the options. */
  allowLatency(maxLatencyMs: number): void {
    for (const subscription of this.#subscriptions) subscription.update({ maxLatencyMs });
  }

  unsubscribe(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  close(): void {
    this.session.close(0, "done");
  }

  /** Follows one more track. */
  subscribe(track: string): void {
    const view: TrackView = {
      frames: 0,
      bytes: 0,
      groupsStarted: 0,
      groupsEnded: 0,
      groupsAborted: 0,
      sequences: [],
      lastTimestampUs: 0,
      closedCode: undefined,
      closed: false,
    };
    this.tracks.set(track, view);
    const { onFrame } = this.#options;
    const onGroup = (group: IncomingGroup): void => {
      view.groupsStarted++;
      if (view.sequences.length === SEQUENCES_KEPT) view.sequences.shift();
      view.sequences.push(group.sequence);
      group.listener = {
        onFrame: (frame) => {
          view.frames++;
          view.bytes += framePayload(frame).byteLength;
          view.lastTimestampUs = frame.timestamp;
          onFrame?.(track, group.sequence, frame);
        },
        onEnd: () => {
          view.groupsEnded++;
        },
        onAborted: () => {
          view.groupsAborted++;
        },
      };
    };
    const subscription = this.#moq.subscribe(
      this.#options.broadcast,
      track,
      {
        priority: TRACK_PRIORITY[track] ?? 60,
        ordered: false,
        maxLatencyMs: this.#options.maxLatencyMs ?? 0,
        startGroup: undefined,
        endGroup: undefined,
      },
      {
        onInfo: () => {},
        onGroup,
        onDropped: () => {},
        onClosed: (code) => {
          view.closed = true;
          view.closedCode = code;
        },
      },
    );
    this.#subscriptions.push(subscription);
  }
}

function dialQuic(options: MoqViewerOptions): Promise<Session> {
  const { hostname, port } = new URL(options.url);
  const protocol = options.protocol ?? DEFAULT_PROTOCOL;
  return connectQuic(
    {
      host: hostname,
      port: Number(port),
      alpn: [protocol],
      verify: { insecure: true },
      transport: {
        handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
        ...(options.streamWindowBytes === undefined ? {} : { streamWindowBytes: options.streamWindowBytes }),
      },
      ...(options.transport === "quic" ? {} : { webtransportPath: "/" }),
    },
    { logger: SILENT, ...(options.loop === undefined ? {} : { loop: options.loop }) },
  );
}

function dialWebSocket(options: MoqViewerOptions): Promise<Session> {
  const { streamWindowBytes, loop } = options;
  return connectWebSocket(
    {
      url: options.url.replace(/^http/, "ws"),
      protocols: [options.protocol ?? DEFAULT_PROTOCOL],
      trust: "insecure",
      connectTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      limits: streamWindowBytes === undefined ? {} : { streamWindowBytes },
    },
    { writer: sharedWriter, ...(loop === undefined ? {} : { loop }) },
  );
}

/** A viewer serves nothing: every request of the node is refused. */
function ignoreRequests(onGoaway: (uri: string) => void): MoqSessionHandler {
  return {
    onReady: () => {},
    onPeerSetup: () => {},
    onAnnounceRequest: (request) => request.start([]),
    onTrackInfoRequest: (request) => request.reject(13),
    onSubscribe: (request) => request.reject(13),
    onFetch: (request) => request.reject(13),
    onProbe: () => {},
    onGoaway,
    onDatagramFrame: () => {},
  };
}
