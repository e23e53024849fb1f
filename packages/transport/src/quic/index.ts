export { createDevelopmentCertificate, type DevelopmentCertificate } from "./certificate.ts";
export { type ConnectQuicOptions, connectQuic, type QuicClientSession } from "./connect-quic.ts";
export { DEFAULT_FLUSH_CONTROL, FlushController, type FlushControllerOptions } from "./flush-controller.ts";
export { type ListenQuicOptions, listenQuic, type QuicDeps, type QuicServer } from "./listen-quic.ts";
export { createQuicCounters, type DropReason, type QuicCounters } from "./quic-counters.ts";
export { QuicError, type QuicErrorCode } from "./quic-error.ts";
export {
  DEFAULT_SERVER_LIMITS,
  DEFAULT_TRANSPORT,
  type QuicServerLimits,
  type QuicTransportOptions,
} from "./quic-limits.ts";
export type { QuicLogger } from "./quic-logger.ts";
export { QuicLoop, type QuicLoopOptions } from "./quic-loop.ts";
export type { QuicServerTls, QuicVerify } from "./quic-tls.ts";
