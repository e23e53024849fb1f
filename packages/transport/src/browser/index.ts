export { BrowserSession, type BrowserTransport } from "./browser-session.ts";
export { ConnectError, type ConnectErrorCode } from "./connect-error.ts";
export {
  type ConnectWebTransportOptions,
  connectWebTransport,
  isWebTransportSupported,
} from "./connect-web-transport.ts";
