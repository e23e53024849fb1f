export { DEFAULT_FAILS_LIMITS, type FailsLimits } from "../fails-limits.ts";
export { Http3EngineError, type Http3EngineErrorCode } from "./http3-engine-error.ts";
export { type Http3SessionServer, type ListenHttp3Options, listenHttp3 } from "./listen-http3.ts";
export { HTTP3_ADD_ON, loadHttp3Server } from "./load-http3.ts";
export { type ServeFailsWebSocketsOptions, serveFailsWebSockets } from "./serve-fails-web-sockets.ts";
