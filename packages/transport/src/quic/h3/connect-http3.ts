import type { SessionClose } from "../../session.ts";
import { createSessionId } from "../accept-session.ts";
import type { QuicConnection } from "../quic-connection.ts";
import type { QuicCounters } from "../quic-counters.ts";
import { QuicError } from "../quic-error.ts";
import type { QuicStream } from "../quic-stream.ts";
import { encodeFrame, FrameReader } from "./frame-reader.ts";
import { FRAME_HEADERS, H3_FRAME_UNEXPECTED, H3_NO_ERROR, H3_STREAM_CREATION_ERROR } from "./http3-codes.ts";
import { Http3Connection, type Http3Role } from "./http3-connection.ts";
import { Http3Error } from "./http3-error.ts";
import { decodeFieldSection, encodeFieldSection, type FieldLines, fieldValue } from "./qpack.ts";
import { offersWebTransport } from "./settings.ts";
import { encodeStringList, parseStringList } from "./structured-fields.ts";
import { WebTransportSession } from "./webtransport-session.ts";

const RESPONSE_FRAMES: ReadonlySet<number> = new Set([FRAME_HEADERS]);
const TOP_PRIORITY = 255;

export interface ConnectHttp3Options {
  readonly authority: string;
  readonly path: string;
  readonly origin: string | undefined;
  /** Subprotocols in order of preference. */
  readonly protocols: readonly string[];
}

export interface ConnectHttp3Deps {
  readonly counters: QuicCounters;
  /** Called when the session opens; what it returns is called when it ends. */
  readonly onOpen: () => () => void;
}

/**
 * Opens a WebTransport session on an established client connection. Call it before the connection reads any
 * stream. Rejects with QuicError `session-rejected` (with the HTTP status), `handshake-failed` or
 * `handshake-timeout`.
 */
export function connectWebTransport(
  connection: QuicConnection,
  options: ConnectHttp3Options,
  deps: ConnectHttp3Deps,
): Promise<WebTransportSession> {
  const http = new Http3Connection(connection, deps.counters);
  return new Promise((resolve, reject) => {
    http.role = new Http3Client(http, options, deps, resolve, reject);
    http.start();
  });
}

class Http3Client implements Http3Role {
  readonly #http: Http3Connection;
  readonly #options: ConnectHttp3Options;
  readonly #deps: ConnectHttp3Deps;
  readonly #resolve: (session: WebTransportSession) => void;
  readonly #reject: (error: QuicError) => void;

  constructor(
    http: Http3Connection,
    options: ConnectHttp3Options,
    deps: ConnectHttp3Deps,
    resolve: (session: WebTransportSession) => void,
    reject: (error: QuicError) => void,
  ) {
    this.#http = http;
    this.#options = options;
    this.#deps = deps;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onSettings(settings: ReadonlyMap<number, number>): void {
    if (!offersWebTransport(settings)) {
      this.#giveUp(new QuicError("session-rejected", "the server offers no WebTransport"));
      return;
    }
    const stream = this.#http.connection.openStream(true, TOP_PRIORITY);
    if (stream === undefined) {
      this.#giveUp(new QuicError("handshake-failed", "the server allows no request"));
      return;
    }
    this.#request(stream);
  }

  onRequestStream(): void {
    this.#http.fail(new Http3Error(H3_STREAM_CREATION_ERROR, "the server opened a request"));
  }

  onClosedEarly(close: SessionClose): void {
    const code = close.reason.endsWith("timeout") ? "handshake-timeout" : "handshake-failed";
    this.#reject(new QuicError(code, close.reason));
  }

  #request(stream: QuicStream): void {
    const { authority, path, origin, protocols } = this.#options;
    const fields: [string, string][] = [
      [":method", "CONNECT"],
      [":protocol", "webtransport"],
      [":scheme", "https"],
      [":authority", authority],
      [":path", path],
      ["sec-webtransport-http3-draft02", "1"],
    ];
    if (origin !== undefined) fields.push(["origin", origin]);
    if (protocols.length > 0) fields.push(["wt-available-protocols", encodeStringList(protocols)]);
    stream.write(encodeFrame(FRAME_HEADERS, encodeFieldSection(fields)));
    let open = false;
    const capsules = this.#http.createCapsules();
    const frames = new FrameReader(
      {
        onFrame: (_type, payload) => {
          if (!open) open = this.#onResponse(stream, decodeFieldSection(payload));
        },
        onData: (piece) => {
          if (!open) throw new Http3Error(H3_FRAME_UNEXPECTED, "DATA before HEADERS");
          capsules.push(piece);
        },
      },
      RESPONSE_FRAMES,
    );
    stream.receiver = {
      onData: (bytes, fin) => {
        try {
          frames.push(bytes);
        } catch (error) {
          this.#http.fail(error);
          return;
        }
        if (fin) this.#http.onConnectStreamEnd(false);
      },
      onReset: () => {
        if (open) this.#http.onConnectStreamEnd(true);
        else this.#giveUp(new QuicError("session-rejected", "the server reset the request"));
      },
    };
  }

  #onResponse(stream: QuicStream, fields: FieldLines): boolean {
    const status = Number(fieldValue(fields, ":status"));
    if (status < 200) return false;
    if (!(status < 300)) {
      this.#giveUp(new QuicError("session-rejected", `the server answered ${status}`, { status }));
      return false;
    }
    const answer = fieldValue(fields, "wt-protocol") ?? "";
    const [protocol = ""] = parseStringList(answer);
    const session = new WebTransportSession(
      {
        id: createSessionId(),
        protocol: this.#options.protocols.includes(protocol) ? protocol : "",
        path: this.#options.path,
      },
      { connection: this.#http.connection, connectStream: stream, onEnd: this.#deps.onOpen() },
    );
    this.#http.openSession(session, stream);
    this.#resolve(session);
    return true;
  }

  #giveUp(error: QuicError): void {
    this.#reject(error);
    const close: SessionClose = { code: undefined, reason: error.message, remote: false };
    this.#http.connection.close(H3_NO_ERROR, new Uint8Array(0), close);
  }
}
