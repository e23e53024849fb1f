import type { SessionClose } from "../session.ts";
import type { NativeConnection } from "./native.ts";

const UTF8 = new TextDecoder();

/** Why the engine ended a connection that nobody here closed. */
export function engineClose(native: NativeConnection): SessionClose {
  const peer = native.peerError();
  if (peer !== null) {
    const reason = UTF8.decode(peer.reason);
    if (peer.isApp) return { code: peer.errorCode, reason, remote: true };
    return { code: undefined, reason: transportReason(peer.errorCode, reason), remote: true };
  }
  if (native.isTimedOut()) return { code: undefined, reason: "idle timeout", remote: false };
  const local = native.localError();
  if (local !== null) {
    const reason = transportReason(local.errorCode, UTF8.decode(local.reason));
    return { code: undefined, reason, remote: false };
  }
  return { code: undefined, reason: "connection reset", remote: true };
}

/** RFC 9000 §20.1; 0x100 + n is TLS alert n. */
function transportReason(code: number, reason: string): string {
  const name = code >= 0x100 && code <= 0x1ff ? `TLS alert ${code - 0x100}` : `transport error ${code}`;
  return reason === "" ? name : `${name}: ${reason}`;
}
