export type { MessageSocket } from "./message-socket.ts";
export { QmuxError, type QmuxErrorCode } from "./qmux-error.ts";
export { DEFAULT_QMUX_LIMITS, type QmuxLimits } from "./qmux-limits.ts";
export { QmuxSession, type QmuxSessionDeps, type QmuxSessionOptions } from "./qmux-session.ts";
export { RecordWriter } from "./record-writer.ts";
export {
  chooseSubprotocol,
  offeredProtocols,
  offerSubprotocols,
  parseOffer,
  parseSubprotocol,
  type QmuxVersion,
  type Subprotocol,
} from "./subprotocols.ts";
