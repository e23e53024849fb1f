import { randomBytes, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { performance } from "node:perf_hooks";
import { createDevelopmentCertificate } from "../quic/certificate.ts";
import { AwaitedChecks, checkedCandidate, createIceCredentials } from "./await-check.ts";
import { type NativeIceServer, parseIceServer } from "./ice-server-url.ts";
import {
  followNativeLog,
  loadNative,
  type NativeBinding,
  type NativePeerConfig,
  type NativePeerConnection,
} from "./native.ts";
import { NativePeer } from "./native-peer.ts";
import { RtpDemux } from "./rtp-demux.ts";
import { type EngineOffer, writeEngineOffer } from "./sdp/engine-offer.ts";
import type { AnswerPlan, SdpOffer } from "./sdp/session-description.ts";
import { acceptedSections, type LocalTransport, writeAnswer } from "./sdp/write-answer.ts";
import { SharedPort } from "./shared-port.ts";
import type { WebRtcAnswer, WebRtcEngine, WebRtcEngineDeps, WebRtcEngineOptions } from "./webrtc-engine.ts";
import { WebRtcError } from "./webrtc-error.ts";
import { DEFAULT_WEBRTC_LIMITS, type WebRtcLimits } from "./webrtc-limits.ts";
import type { WebRtcCloseReason, WebRtcPeerHandler } from "./webrtc-peer.ts";

/** Deadlines and held candidates are looked at this often; also the window of the packet rate. */
const TICK_MS = 1_000;
/** In a second. All viewers of a node before this one, who have not heard of its end yet, send fewer. */
const FLOOD_CHECKS = 5_000;
const FLOOD_PAUSE_MS = 60_000;
/** libdatachannel ignores a port range that begins at or below this. */
const LOWEST_PORT = 1_025;
const FREE_PORT_ATTEMPTS = 10;
/** Peers that begin within this time share a certificate; clients know it by its hash alone, from the answer. */
const CERTIFICATE_AGE_MS = 24 * 3_600_000;

/** Binds the port. Rejects with `WebRtcError`: unsupported-platform, invalid-options, listen-failed. */
export async function openWebRtcEngine(
  options: WebRtcEngineOptions,
  deps: WebRtcEngineDeps,
): Promise<WebRtcEngine> {
  const servers = (options.iceServers ?? []).map(parseIceServer);
  const { port, publicAddresses = [] } = options;
  if (port !== 0 && (port < LOWEST_PORT || port > 65_535))
    throw new WebRtcError("invalid-options", `the WebRTC port is 0 or ${LOWEST_PORT} to 65535, not ${port}`);
  for (const address of publicAddresses) {
    if (isIP(address) === 0) throw new WebRtcError("invalid-options", `not an IP address: ${address}`);
  }
  const host = await resolveHost(options.host);
  const native = await loadNative();
  const checks = new AwaitedChecks();
  const listener = await listen(native, host, port, checks);
  const certificate = await createCertificate();
  return new NativeEngine({ ...options, host, servers, listener, checks, native, certificate }, deps);
}

/** The native engine takes addresses only; a host such as `localhost` is looked up once, at start. */
async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new WebRtcError("invalid-options", `no address to listen on: ${host}`, { cause });
  }
}

async function listen(
  native: NativeBinding,
  host: string,
  port: number,
  checks: AwaitedChecks,
): Promise<SharedPort> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const address = { host, port: port === 0 ? await freePort(host) : port };
      return SharedPort.open(native, address, (ufrag, from) => checks.onCheck(ufrag, from));
    } catch (cause) {
      if (port !== 0 || attempt >= FREE_PORT_ATTEMPTS)
        throw new WebRtcError("listen-failed", `cannot listen on UDP ${host}:${port}`, { cause });
    }
  }
}

/** The native listener must be told a port: this asks the system for one that is free now. */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(host) === 6 ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.bind(0, host, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** A peer's end of DTLS. */
interface PeerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** As in `a=fingerprint` (RFC 8122). */
  readonly fingerprint: string;
}

async function createCertificate(): Promise<PeerCertificate> {
  const { certPem, keyPem } = await createDevelopmentCertificate([]);
  return { certPem, keyPem, fingerprint: `sha-256 ${new X509Certificate(certPem).fingerprint256}` };
}

interface OpenParts extends WebRtcEngineOptions {
  readonly servers: readonly NativeIceServer[];
  readonly listener: SharedPort;
  readonly checks: AwaitedChecks;
  readonly native: NativeBinding;
  readonly certificate: PeerCertificate;
}

class NativeEngine implements WebRtcEngine {
  readonly port: number;
  handshakeTimeouts = 0;
  readonly #parts: OpenParts;
  readonly #deps: WebRtcEngineDeps;
  readonly #limits: WebRtcLimits;
  readonly #peers = new Set<NativePeer>();
  readonly #checks: AwaitedChecks;
  /** Of peers whose agent has not begun. */
  readonly #withdrawals = new Map<NativePeer, () => void>();
  #certificate: PeerCertificate;
  #certificateAtMs: number;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #stopLog: () => void;
  #closed = false;
  #straysBefore = 0;
  #floodToldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: OpenParts, deps: WebRtcEngineDeps) {
    this.#parts = parts;
    this.#deps = deps;
    this.#limits = { ...DEFAULT_WEBRTC_LIMITS, ...parts.limits };
    this.#nowMs = deps.nowMs ?? (() => performance.now());
    this.#checks = parts.checks;
    this.port = parts.listener.port;
    this.#certificate = parts.certificate;
    this.#certificateAtMs = this.#nowMs();
    this.#stopLog = followNativeLog(deps.logger);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  get strayChecks(): number {
    return this.#checks.strays;
  }

  get halfOpenCount(): number {
    let count = 0;
    for (const peer of this.#peers) if (peer.state === "connecting") count += 1;
    return count;
  }

  async answer(offer: SdpOffer, plan: AnswerPlan, handler: WebRtcPeerHandler): Promise<WebRtcAnswer> {
    this.#checkRoom();
    const accepted = acceptedSections(offer, plan);
    if (accepted.length === 0)
      throw new WebRtcError("sdp-unsupported", "no media section of the offer can be answered");
    const engineOffer = writeEngineOffer(offer, plan);
    await this.#renewCertificate();
    const connection = this.#createConnection();
    const peer = new NativePeer(connection, handler, {
      limits: this.#limits,
      demux: new RtpDemux(accepted, this.#limits.maxSsrcs),
      logger: this.#deps.logger,
      nowMs: this.#nowMs,
      isDtlsClient: engineOffer.setup === "active",
      onClosed: (closed, reason) => this.#forget(closed, reason),
    });
    this.#peers.add(peer);
    try {
      // Browsers begin with checks of their own; others may be told of addresses that only we can reach.
      const candidates = engineOffer.setup === "passive" ? this.#ownCandidates() : undefined;
      if (candidates !== undefined) {
        const local = this.#awaitCheck(peer, connection, engineOffer, candidates);
        return { peer, sdp: writeAnswer(offer, plan, local), ufrag: local.ufrag };
      }
      const gathered = gathering(connection, this.#limits.gatheringTimeoutMs);
      connection.setRemoteDescription(engineOffer.sdp, "offer");
      connection.setLocalDescription("answer");
      await gathered;
      if (peer.state === "closed") throw new WebRtcError("closed", "the engine is closed");
      const local = this.#localTransport(connection, engineOffer);
      if (offer.allowsMixedExtensions)
        for (const candidate of offer.candidates) peer.addRemoteCandidate(candidate);
      else peer.holdCandidates(offer.candidates);
      return { peer, sdp: writeAnswer(offer, plan, local), ufrag: local.ufrag };
    } catch (error) {
      peer.close();
      if (error instanceof WebRtcError) throw error;
      throw new WebRtcError("engine-failed", "the WebRTC engine did not take the offer", { cause: error });
    }
  }

  /** The agent begins with the client's first check. */
  #awaitCheck(
    peer: NativePeer,
    connection: NativePeerConnection,
    offer: EngineOffer,
    candidates: readonly string[],
  ): LocalTransport {
    const { ufrag, password } = createIceCredentials();
    connection.setRemoteDescription(offer.sdp, "offer");
    const withdraw = this.#checks.add(ufrag, (from) => {
      this.#withdrawals.delete(peer);
      try {
        connection.setLocalDescription("answer", { iceUfrag: ufrag, icePwd: password });
        peer.addRemoteCandidate(checkedCandidate(from));
      } catch (error) {
        this.#deps.logger.warn(
          { err: error, peer: peer.id },
          "a peer is closed whose ICE agent does not begin",
        );
        peer.closeFor("failed");
      }
    });
    this.#withdrawals.set(peer, withdraw);
    const { fingerprint } = this.#certificate;
    return { ...this.#announcement(offer), ufrag, password, fingerprint, candidates };
  }

  /** What this side's candidates are if that is known without gathering; undefined: it is not. */
  #ownCandidates(): readonly string[] | undefined {
    const { publicAddresses = [], servers, host } = this.#parts;
    const addresses = publicAddresses.length > 0 ? publicAddresses : [host];
    const isWildcard = addresses.some((address) => address === "0.0.0.0" || address === "::");
    return servers.length > 0 || isWildcard ? undefined : this.#hostCandidates(addresses);
  }

  #hostCandidates(addresses: readonly string[]): string[] {
    return addresses.map(
      (address, index) =>
        `candidate:${index + 1} 1 UDP ${hostPriority(index)} ${address} ${this.port} typ host`,
    );
  }

  async #renewCertificate(): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#certificateAtMs < CERTIFICATE_AGE_MS) return;
    this.#certificateAtMs = nowMs;
    this.#certificate = await createCertificate();
  }

  #checkRoom(): void {
    const { maxPeers, maxHalfOpen } = this.#limits;
    if (this.#closed) throw new WebRtcError("closed", "the engine is closed");
    if (this.#peers.size >= maxPeers) throw new WebRtcError("too-many-peers", `${maxPeers} peers are open`);
    if (this.halfOpenCount >= maxHalfOpen)
      throw new WebRtcError("too-many-half-open", `${maxHalfOpen} peers have not finished their handshakes`);
  }

  #createConnection(): NativePeerConnection {
    const { servers, native, host } = this.#parts;
    const { certPem, keyPem } = this.#certificate;
    const config: NativePeerConfig = {
      iceServers: [...servers],
      bindAddress: host,
      enableIceUdpMux: true,
      portRangeBegin: this.port,
      portRangeEnd: this.port,
      disableAutoNegotiation: true,
      maxMessageSize: this.#limits.maxMessageBytes,
      // PEM itself; the names are of before.
      certificatePemFile: certPem,
      keyPemFile: keyPem,
    };
    try {
      return new native.PeerConnection("", config);
    } catch (cause) {
      throw new WebRtcError("engine-failed", "the WebRTC engine made no peer", { cause });
    }
  }

  #localTransport(connection: NativePeerConnection, offer: EngineOffer): LocalTransport {
    const sdp = connection.localDescription()?.sdp ?? "";
    const value = (name: string): string => new RegExp(`^a=${name}:(.+)$`, "m").exec(sdp)?.[1]?.trim() ?? "";
    const candidates = sdp.match(/^a=candidate:.+$/gm) ?? [];
    return {
      ufrag: value("ice-ufrag"),
      password: value("ice-pwd"),
      fingerprint: value("fingerprint"),
      candidates: this.#announced(candidates.map((line) => line.slice("a=".length).trim())),
      ...this.#announcement(offer),
    };
  }

  #announcement({ setup }: EngineOffer): Pick<LocalTransport, "setup" | "maxMessageBytes" | "sessionId"> {
    return {
      setup,
      maxMessageBytes: this.#limits.maxMessageBytes,
      sessionId: (randomBytes(8).readBigUInt64BE() >> 2n).toString(),
    };
  }

  /** With public addresses those of the interfaces are of no use to anybody outside; what STUN and TURN gave is kept. */
  #announced(gathered: readonly string[]): readonly string[] {
    const { publicAddresses = [] } = this.#parts;
    if (publicAddresses.length === 0) return gathered;
    const hosts = this.#hostCandidates(publicAddresses);
    return [...hosts, ...gathered.filter((candidate) => !candidate.includes(" typ host"))];
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    for (const peer of this.#peers) peer.tick(nowMs);
    this.#watchStrays(nowMs);
  }

  /** One line for a flood, however long it is. */
  #watchStrays(nowMs: number): void {
    const { strays } = this.#checks;
    const grown = strays - this.#straysBefore;
    this.#straysBefore = strays;
    if (grown < FLOOD_CHECKS || nowMs - this.#floodToldMs < FLOOD_PAUSE_MS) return;
    this.#floodToldMs = nowMs;
    this.#deps.logger.warn({ checks: grown }, "ICE checks of strangers flood the WebRTC port");
  }

  #forget(peer: NativePeer, reason: WebRtcCloseReason): void {
    this.#peers.delete(peer);
    this.#withdrawals.get(peer)?.();
    this.#withdrawals.delete(peer);
    if (reason === "handshake-timeout") this.handshakeTimeouts += 1;
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    clearInterval(this.#timer);
    for (const peer of [...this.#peers]) peer.close();
    this.#parts.listener.release();
    this.#stopLog();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** RFC 8445 section 5.1.2.1: type preference 126 for host candidates, then the address's place, then component 1. */
function hostPriority(index: number): number {
  return 126 * 2 ** 24 + (65_535 - index) * 2 ** 8 + 255;
}

/** Resolves when all candidates are gathered, or the time for it is over. */
function gathering(connection: NativePeerConnection, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    connection.onGatheringStateChange((state) => {
      if (state !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
