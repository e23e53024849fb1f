export { BrowserSession, type BrowserTransport } from "./browser-session.ts";
export { ConnectError, type ConnectErrorCode } from "./connect-error.ts";
export { type ConnectFailsWebSocketOptions, connectFailsWebSocket } from "./connect-fails-web-socket.ts";
export {
  type ConnectWebSocketOptions,
  connectWebSocket,
  isWebSocketSupported,
} from "./connect-web-socket.ts";
export {
  type ConnectWebTransportOptions,
  connectWebTransport,
  isWebTransportSupported,
} from "./connect-web-transport.ts";
