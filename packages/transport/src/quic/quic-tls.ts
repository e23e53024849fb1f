import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import type { NativeConfig, NativeConnection, Quiche } from "./native.ts";
import { QuicError } from "./quic-error.ts";
import type { QuicTransportOptions } from "./quic-limits.ts";
import { STOP_RESERVE_STREAMS } from "./stop-queue.ts";

/** A server's certificate chain and key, both PEM. */
export interface QuicServerTls {
  readonly certPem: string;
  readonly keyPem: string;
}

/** How a client checks the server; exactly one way. Without any: the public roots that Node brings. */
export interface QuicVerify {
  /** PEM of the authorities that are trusted instead of the public ones. */
  readonly ca?: string;
  /** SHA-256 of acceptable leaf certificates, hex; colons are allowed. Nothing else is checked then. */
  readonly sha256?: readonly string[];
  /** Accepts anybody. For tests and load generators. */
  readonly insecure?: boolean;
}

/**
 * quiche 0.18 does not give back connection credit for what a reset stream left unread, so a finite limit would
 * stop a long session that resets often. What a peer can make us hold is bounded per stream instead.
 */
const CONNECTION_WINDOW_BYTES = 2 ** 40;
/** One for each path, and spares for the peer to migrate to. */
const CONNECTION_ID_LIMIT = 4;
const CONGESTION_CONTROL = { reno: 0, cubic: 1, bbr: 2 } as const;
/** Incoming packets: anything an Ethernet or loopback peer may send. */
const MAX_RECEIVE_PAYLOAD_BYTES = 65_527;

export function createServerConfig(
  quiche: Quiche,
  tls: QuicServerTls,
  alpn: readonly string[],
  transport: QuicTransportOptions,
): NativeConfig {
  let config: NativeConfig;
  try {
    config = quiche.Config.withBoringSslCtx(
      false,
      false,
      undefined,
      [Buffer.from(tls.keyPem)],
      [Buffer.from(tls.certPem)],
    );
  } catch (cause) {
    throw new QuicError("invalid-options", "certificate or key cannot be used", { cause });
  }
  applyTransport(config, alpn, transport);
  return config;
}

export function createClientConfig(
  quiche: Quiche,
  verify: QuicVerify,
  alpn: readonly string[],
  transport: QuicTransportOptions,
): NativeConfig {
  // Pins are compared after the handshake; the chain itself may then be anything.
  const checksChain = verify.insecure !== true && verify.sha256 === undefined;
  const ca = checksChain ? Buffer.from(verify.ca ?? rootCertificates.join("\n")) : undefined;
  let config: NativeConfig;
  try {
    config = quiche.Config.withBoringSslCtx(verify.insecure !== true, !checksChain, ca);
  } catch (cause) {
    throw new QuicError("invalid-options", "certificate authorities cannot be used", { cause });
  }
  applyTransport(config, alpn, transport);
  return config;
}

/** The name for SNI and for the engine's own check of the certificate; an IP address is none (RFC 6066 §3). */
export function tlsServerName(host: string, serverName: string | undefined): string | undefined {
  const name = serverName ?? host;
  return isIP(name) === 0 ? name : undefined;
}

/**
 * The part of the verification that the engine does not do: pins, and certificates for IP addresses. Returns
 * what is wrong, or undefined.
 */
export function certificateProblem(
  connection: NativeConnection,
  verify: QuicVerify,
  host: string,
): string | undefined {
  if (verify.insecure === true) return undefined;
  const leaf = connection.peerCertChain()?.[0];
  if (leaf === undefined) return "the server sent no certificate";
  if (verify.sha256 !== undefined) {
    const actual = createHash("sha256").update(leaf).digest("hex");
    const pinned = verify.sha256.some((pin) => pin.replaceAll(":", "").toLowerCase() === actual);
    return pinned ? undefined : `certificate ${actual} is not pinned`;
  }
  if (isIP(host) === 0) return undefined;
  const certificate = new X509Certificate(leaf);
  return certificate.checkIP(host) === undefined ? `certificate is not for ${host}` : undefined;
}

function applyTransport(config: NativeConfig, alpn: readonly string[], options: QuicTransportOptions): void {
  const streams = Math.max(1_024, options.maxIncomingStreams) + STOP_RESERVE_STREAMS;
  config.setApplicationProtos([...alpn]);
  config.setMaxIdleTimeout(options.idleTimeoutMs);
  config.setMaxRecvUdpPayloadSize(MAX_RECEIVE_PAYLOAD_BYTES);
  config.setMaxSendUdpPayloadSize(options.maxUdpPayloadBytes);
  config.setInitialMaxData(CONNECTION_WINDOW_BYTES);
  config.setInitialMaxStreamDataBidiLocal(options.streamWindowBytes);
  config.setInitialMaxStreamDataBidiRemote(options.streamWindowBytes);
  config.setInitialMaxStreamDataUni(options.streamWindowBytes);
  config.setMaxStreamWindow(options.streamWindowBytes);
  config.setMaxConnectionWindow(CONNECTION_WINDOW_BYTES);
  config.setInitialMaxStreamsBidi(streams);
  config.setInitialMaxStreamsUni(streams);
  config.setActiveConnectionIdLimit(CONNECTION_ID_LIMIT);
  config.setDisableActiveMigration(false);
  config.setCcAlgorithm(CONGESTION_CONTROL[options.congestionControl]);
  // The engine only computes departure times; nothing here could wait for them.
  config.enablePacing(false);
  config.enableDgram(true, options.datagramQueueLength, options.datagramQueueLength);
  config.grease(false);
}
