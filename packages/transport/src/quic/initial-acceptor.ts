import type { RemoteInfo } from "node:dgram";
import { AddressLimiter } from "./address-limiter.ts";
import { createConnectionId, encodeStatelessReset, isLongHeader, type ResetTokens } from "./connection-id.ts";
import { encodeInitialRefusal } from "./initial-refusal.ts";
import type { NativeConfig, NativeConnection, Quiche } from "./native.ts";
import { QuicConnection } from "./quic-connection.ts";
import type { DropReason, QuicCounters } from "./quic-counters.ts";
import type { QuicEndpoint } from "./quic-endpoint.ts";
import type { QuicServerLimits, QuicTransportOptions } from "./quic-limits.ts";
import type { QuicLoop } from "./quic-loop.ts";
import { RetryTokens } from "./retry-token.ts";

/** A client's first packet is padded to this (RFC 9000 §14.1); shorter ones are not answered. */
const MIN_INITIAL_BYTES = 1_200;
/** quiche's `Type.Initial`. */
const TYPE_INITIAL = 0;
/** RFC 9000 §20.1 CONNECTION_REFUSED. */
const CONNECTION_REFUSED = 2;
/** Refusals and resets cost a few hashes each: they are rationed, the rest is dropped. */
const ANSWERS_PER_SECOND = 200;
const OUT_BYTES = 1_500;

export interface InitialAcceptorOptions {
  readonly limits: QuicServerLimits;
  readonly transport: QuicTransportOptions;
}

export interface InitialAcceptorDeps {
  readonly quiche: Quiche;
  readonly endpoint: QuicEndpoint;
  readonly loop: QuicLoop;
  readonly counters: QuicCounters;
  readonly resetTokens: ResetTokens;
  /** The TLS and transport settings for new connections; may change with the certificate. */
  readonly config: () => NativeConfig;
  readonly onHandlerError: (error: unknown) => void;
  /** Sets the connection's handler. */
  readonly onConnection: (connection: QuicConnection) => void;
}

/** Decides about packets of unknown connections: negotiate the version, retry, accept, refuse, reset or drop. */
export class InitialAcceptor {
  readonly #limits: QuicServerLimits;
  readonly #transport: QuicTransportOptions;
  readonly #deps: InitialAcceptorDeps;
  readonly #retryTokens = new RetryTokens();
  readonly #addresses: AddressLimiter;
  readonly #countedAddress = new WeakMap<QuicConnection, string>();
  readonly #halfOpen = new WeakSet<QuicConnection>();
  #answers = ANSWERS_PER_SECOND;
  #answersSinceMs = 0;
  #draining = false;

  constructor(options: InitialAcceptorOptions, deps: InitialAcceptorDeps) {
    this.#limits = options.limits;
    this.#transport = options.transport;
    this.#deps = deps;
    this.#addresses = new AddressLimiter({
      handshakesPerSecond: options.limits.handshakesPerSecondPerAddress,
      burst: options.limits.handshakeBurstPerAddress,
      maxSessions: options.limits.maxSessionsPerAddress,
      maxHandshakes: options.limits.maxHandshakesPerAddress,
      maxAddresses: options.limits.maxTrackedAddresses,
    });
  }

  /** From now on no new connections. */
  drain(): void {
    this.#draining = true;
  }

  /** A connection is established, or never will be. */
  handshakeOver(connection: QuicConnection): void {
    const address = this.#countedAddress.get(connection);
    if (address !== undefined && this.#halfOpen.delete(connection)) this.#addresses.handshakeOver(address);
  }

  /** A connection is gone: its address has one session less. */
  released(connection: QuicConnection): void {
    this.handshakeOver(connection);
    const address = this.#countedAddress.get(connection);
    if (address !== undefined) this.#addresses.closed(address);
  }

  onPacket(packet: Buffer, remote: RemoteInfo): void {
    if (!isLongHeader(packet)) {
      this.#answerReset(packet, remote);
      return;
    }
    let header: ReturnType<Quiche["Header"]["fromSlice"]>;
    try {
      header = this.#deps.quiche.Header.fromSlice(packet, 16);
    } catch {
      this.#drop("malformed");
      return;
    }
    if (packet.length < MIN_INITIAL_BYTES) {
      this.#drop("short-initial");
      return;
    }
    if (!this.#deps.quiche.versionIsSupported(header.version)) {
      this.#answerVersion(header.scid, header.dcid, remote);
      return;
    }
    if (header.ty !== TYPE_INITIAL) {
      this.#drop("unknown-connection");
      return;
    }
    this.#onInitial(packet, header, remote);
  }

  #onInitial(
    packet: Buffer,
    header: { dcid: Uint8Array; scid: Uint8Array; token?: Uint8Array; version: number },
    remote: RemoteInfo,
  ): void {
    const { counters } = this.#deps;
    if (this.#draining) {
      this.#drop("closing");
      return;
    }
    const client = `${remote.address}:${remote.port}`;
    let originalId: Uint8Array | undefined;
    if (header.token !== undefined && header.token.length > 0) {
      originalId = this.#retryTokens.decode(header.token, client, header.dcid, Date.now());
    }
    if (originalId === undefined && this.#wantsRetry()) {
      this.#answerRetry(header, client, remote);
      return;
    }
    if (counters.handshakes >= this.#limits.maxHandshakes) {
      this.#drop("handshake-limit");
      return;
    }
    const admission = this.#addresses.admit(remote.address, this.#deps.loop.refreshNow());
    if (admission !== "admitted") {
      this.#drop(admission);
      return;
    }
    if (this.#deps.endpoint.connections.size >= this.#limits.maxSessions) {
      this.#refuse(header, remote);
      return;
    }
    this.#accept(packet, header.dcid, originalId, remote);
  }

  #wantsRetry(): boolean {
    if (this.#limits.retry === "always") return true;
    if (this.#limits.retry === "never") return false;
    return this.#deps.counters.handshakes >= this.#limits.retryLoadHandshakes;
  }

  #accept(packet: Buffer, dcid: Uint8Array, originalId: Uint8Array | undefined, remote: RemoteInfo): void {
    const { endpoint, loop, counters } = this.#deps;
    // After a Retry the client addresses us by the ID that the Retry gave it, and that stays our first one.
    const id = originalId === undefined ? createConnectionId() : dcid;
    let native: NativeConnection;
    try {
      native = this.#nativeAccept(id, originalId, remote);
    } catch {
      this.#drop("malformed");
      return;
    }
    const connection = new QuicConnection(
      { server: true, remote, local: endpoint.local, transport: this.#transport },
      { native, loop, sender: endpoint, counters, onHandlerError: this.#deps.onHandlerError },
    );
    counters.handshakesStarted += 1;
    counters.handshakes += 1;
    this.#addresses.opened(remote.address, loop.nowMs);
    this.#countedAddress.set(connection, remote.address);
    this.#halfOpen.add(connection);
    // Until the client has our ID its packets carry the one it made up itself.
    endpoint.addConnection(connection, originalId === undefined ? [id, dcid] : [id]);
    this.#deps.onConnection(connection);
    connection.receive(packet, remote.address, remote.port);
  }

  /** Tells the client at once that there is no room, instead of letting it time out. */
  #refuse(header: { dcid: Uint8Array; scid: Uint8Array; version: number }, remote: RemoteInfo): void {
    this.#drop("session-limit");
    if (!this.#takeAnswer()) return;
    const { version, dcid, scid } = header;
    const refusal = { version, dcid, scid, code: CONNECTION_REFUSED, reason: "no room for another session" };
    this.#deps.endpoint.sendDetached(encodeInitialRefusal(refusal), remote.address, remote.port);
  }

  #nativeAccept(id: Uint8Array, originalId: Uint8Array | undefined, remote: RemoteInfo): NativeConnection {
    const { quiche, endpoint, resetTokens } = this.#deps;
    const config = this.#deps.config();
    // The engine has 128 bytes for its transport parameters: after a Retry the token no longer fits.
    config.setStatelessResetToken(originalId === undefined ? resetTokens.numberOf(id) : null);
    const from = { host: remote.address, port: remote.port };
    return quiche.Connection.accept(id, originalId ?? null, endpoint.local, from, config);
  }

  #answerVersion(scid: Uint8Array, dcid: Uint8Array, remote: RemoteInfo): void {
    if (!this.#takeAnswer()) {
      this.#drop("rate-limited");
      return;
    }
    const out = Buffer.alloc(OUT_BYTES);
    const length = this.#deps.quiche.negotiateVersion(scid, dcid, out);
    this.#deps.counters.versionNegotiations += 1;
    this.#deps.endpoint.sendDetached(out.subarray(0, length), remote.address, remote.port);
  }

  #answerRetry(
    header: { dcid: Uint8Array; scid: Uint8Array; version: number },
    client: string,
    remote: RemoteInfo,
  ): void {
    const retryId = createConnectionId();
    const token = this.#retryTokens.encode(client, header.dcid, retryId, Date.now());
    const out = Buffer.alloc(OUT_BYTES);
    const length = this.#deps.quiche.retry(header.scid, header.dcid, retryId, token, header.version, out);
    this.#deps.counters.retries += 1;
    this.#deps.endpoint.sendDetached(out.subarray(0, length), remote.address, remote.port);
  }

  #answerReset(packet: Buffer, remote: RemoteInfo): void {
    this.#drop("unknown-connection");
    if (!this.#takeAnswer()) return;
    const reset = encodeStatelessReset(packet, this.#deps.resetTokens);
    if (reset === undefined) return;
    this.#deps.counters.statelessResets += 1;
    this.#deps.endpoint.sendDetached(reset, remote.address, remote.port);
  }

  #takeAnswer(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#answersSinceMs >= 1_000) {
      this.#answersSinceMs = nowMs;
      this.#answers = ANSWERS_PER_SECOND;
    }
    if (this.#answers === 0) return false;
    this.#answers -= 1;
    return true;
  }

  #drop(reason: DropReason): void {
    this.#deps.counters.packetsDropped[reason] += 1;
  }
}
