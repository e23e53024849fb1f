export { RecordWriter } from "../qmux/index.ts";
export {
  type ConnectWebSocketDeps,
  type ConnectWebSocketOptions,
  connectWebSocket,
} from "./connect-web-socket.ts";
export {
  type ServeWebSocketsDeps,
  type ServeWebSocketsOptions,
  serveWebSockets,
  type WebSocketSessions,
} from "./serve-web-sockets.ts";
export { WebSocketError, type WebSocketErrorCode } from "./web-socket-error.ts";
