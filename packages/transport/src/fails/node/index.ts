export { DEFAULT_FAILS_LIMITS, type FailsLimits } from "../fails-limits.ts";
export { type ServeFailsWebSocketsOptions, serveFailsWebSockets } from "./serve-fails-web-sockets.ts";
