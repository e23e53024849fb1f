import { bearerToken } from "../../bearer-token.ts";
import type { SessionDecision, SessionRequest, SessionServerHandler } from "../../session.ts";
import { countSession, createSessionId, once } from "../accept-session.ts";
import type { QuicConnection } from "../quic-connection.ts";
import type { QuicCounters } from "../quic-counters.ts";
import type { QuicStream } from "../quic-stream.ts";
import { formatAddress } from "../raw-session.ts";
import { encodeFrame, FrameReader } from "./frame-reader.ts";
import {
  FORBIDDEN_FRAMES,
  FRAME_HEADERS,
  FRAME_SETTINGS,
  H3_FRAME_UNEXPECTED,
  H3_MESSAGE_ERROR,
  H3_REQUEST_REJECTED,
} from "./http3-codes.ts";
import { Http3Connection, type Http3Role } from "./http3-connection.ts";
import { Http3Error } from "./http3-error.ts";
import { decodeFieldSection, encodeFieldSection, type FieldLines, fieldValue } from "./qpack.ts";
import { encodeString, parseStringList } from "./structured-fields.ts";
import { WebTransportSession } from "./webtransport-session.ts";

const REQUEST_FRAMES: ReadonlySet<number> = new Set([FRAME_HEADERS, FRAME_SETTINGS, ...FORBIDDEN_FRAMES]);
const STATUS_OK = 200;
const STATUS_BAD_REQUEST = 400;
const STATUS_NOT_FOUND = 404;
const STATUS_TOO_MANY = 429;

export interface ServeHttp3Deps {
  readonly handler: SessionServerHandler;
  readonly counters: QuicCounters;
}

/** Serves HTTP/3 on a connection that negotiated it: one WebTransport session, and 404 for all else. */
export function serveHttp3(connection: QuicConnection, deps: ServeHttp3Deps): void {
  const http = new Http3Connection(connection, deps.counters);
  http.role = new Http3Server(http, deps);
  http.start();
}

class Http3Server implements Http3Role {
  readonly #http: Http3Connection;
  readonly #deps: ServeHttp3Deps;
  /** A session's request waits for its decision. */
  #deciding = false;

  constructor(http: Http3Connection, deps: ServeHttp3Deps) {
    this.#http = http;
    this.#deps = deps;
  }

  onSettings(): void {
    // The request says whether the client wants WebTransport.
  }

  onClosedEarly(): void {
    // There was no session to be told.
  }

  onRequestStream(stream: QuicStream, bytes: Uint8Array, fin: boolean): void {
    const capsules = this.#http.createCapsules();
    let isSession = false;
    let headed = false;
    /** What follows the headers in the same read waits for the decision; the rest of the stream in the engine. */
    let early: Uint8Array[] | undefined;
    let earlyEnd: "fin" | "reset" | undefined;
    const frames = new FrameReader(
      {
        onFrame: (type, payload) => {
          if (type !== FRAME_HEADERS) throw new Http3Error(H3_FRAME_UNEXPECTED, `frame ${type} on a request`);
          // A second section is trailers, which say nothing here.
          if (headed) return;
          headed = true;
          const decided = once((accepted: boolean) => {
            isSession = accepted;
            const held = early ?? [];
            early = undefined;
            if (!accepted) return;
            stream.resume();
            try {
              for (const piece of held) capsules.push(piece);
            } catch (error) {
              this.#http.fail(error);
            }
            if (earlyEnd !== undefined) this.#http.onConnectStreamEnd(earlyEnd === "reset");
          });
          early = [];
          this.#onRequest(stream, decodeFieldSection(payload), decided);
          if (early !== undefined) stream.pause();
        },
        onData: (piece) => {
          if (!headed) throw new Http3Error(H3_FRAME_UNEXPECTED, "DATA before HEADERS");
          if (isSession) capsules.push(piece);
          else early?.push(piece.slice());
        },
      },
      REQUEST_FRAMES,
    );
    const push = (piece: Uint8Array, last: boolean): void => {
      try {
        frames.push(piece);
        if (last && isSession) this.#http.onConnectStreamEnd(false);
        else if (last && early !== undefined) earlyEnd = "fin";
      } catch (error) {
        this.#http.fail(error);
      }
    };
    stream.receiver = {
      onData: push,
      onReset: () => {
        if (isSession) this.#http.onConnectStreamEnd(true);
        else if (early !== undefined) earlyEnd = "reset";
      },
    };
    push(bytes, fin);
  }

  /** Answers a request, perhaps later; `decided` is told whether it opened the session. */
  #onRequest(stream: QuicStream, fields: FieldLines, decided: (accepted: boolean) => void): void {
    const method = fieldValue(fields, ":method");
    if (method === undefined) throw new Http3Error(H3_MESSAGE_ERROR, "request without :method");
    if (method !== "CONNECT" || fieldValue(fields, ":protocol") !== "webtransport") {
      respond(stream, method === "CONNECT" ? STATUS_BAD_REQUEST : STATUS_NOT_FOUND, []);
      decided(this.#refused(stream));
      return;
    }
    const path = fieldValue(fields, ":path");
    if (path === undefined || !path.startsWith("/") || fieldValue(fields, ":scheme") !== "https") {
      respond(stream, STATUS_BAD_REQUEST, []);
      decided(this.#refused(stream));
      return;
    }
    if (this.#http.session !== undefined || this.#deciding) {
      this.#deps.counters.sessionsRejected += 1;
      respond(stream, STATUS_TOO_MANY, []);
      decided(this.#refused(stream));
      return;
    }
    const protocols = parseStringList(fieldValue(fields, "wt-available-protocols") ?? "");
    const bearer = bearerToken(fieldValue(fields, "authorization"));
    const asked = { path, bearer, protocols };
    const decide = once((decision: SessionDecision) => {
      this.#deciding = false;
      if (!this.#http.connection.closed) decided(this.#openSession(stream, asked, decision));
    });
    this.#deciding = true;
    const decision = this.#deps.handler.onRequest(
      {
        kind: "webtransport",
        remoteAddress: formatAddress(this.#http.connection),
        ...asked,
        origin: fieldValue(fields, "origin"),
      },
      decide,
    );
    if (decision !== undefined) decide(decision);
  }

  /** Answers as decided; true if it opened the session. */
  #openSession(
    stream: QuicStream,
    { path, bearer, protocols }: Pick<SessionRequest, "path" | "bearer" | "protocols">,
    decision: SessionDecision,
  ): boolean {
    const { handler, counters } = this.#deps;
    const { connection } = this.#http;
    if (!decision.accept) {
      counters.sessionsRejected += 1;
      respond(stream, decision.status, []);
      return this.#refused(stream);
    }
    // Chromium ignores an answer that it did not offer or that is not quoted, and goes on without a protocol.
    const protocol = protocols.includes(decision.protocol) ? decision.protocol : "";
    const extra: FieldLines = protocol === "" ? [] : [["wt-protocol", encodeString(protocol)]];
    respond(stream, STATUS_OK, [["sec-webtransport-http3-draft", "draft02"], ...extra]);
    const session = new WebTransportSession(
      { id: createSessionId(), protocol, path, bearer },
      { connection, connectStream: stream, onEnd: countSession(counters) },
    );
    stream.setPriority(255);
    handler.onSession(session);
    this.#http.openSession(session, stream);
    return true;
  }

  #refused(stream: QuicStream): false {
    stream.finish();
    stream.stopWire(H3_REQUEST_REJECTED);
    return false;
  }
}

function respond(stream: QuicStream, status: number, fields: FieldLines): void {
  const lines: FieldLines = [[":status", String(status)], ...fields];
  stream.write(encodeFrame(FRAME_HEADERS, encodeFieldSection(lines)));
}
