/**
 * The one place that loads the native WebRTC engine (libdatachannel through node-datachannel). It is loaded on first
 * use, so that a process that never opens a WebRTC port also runs where the binding has no binary.
 */
import type * as binding from "node-datachannel";
import type { WebRtcLogger } from "./webrtc-engine.ts";
import { WebRtcError } from "./webrtc-error.ts";

export type NativeBinding = typeof binding;
export type NativePeerConnection = binding.PeerConnection;
export type NativeTrack = binding.Track;
export type NativeDataChannel = binding.DataChannel;
export type NativeListener = binding.IceUdpMuxListener;
export type NativePeerConfig = binding.RtcConfig;

/** The library's log is one for the whole process: every open engine's logger gets its lines. */
const loggers = new Set<WebRtcLogger>();
let loading: Promise<NativeBinding> | undefined;

/** Loads the engine, once per process. Rejects with `unsupported-platform` where it has no binary. */
export function loadNative(): Promise<NativeBinding> {
  loading ??= load();
  return loading;
}

async function load(): Promise<NativeBinding> {
  try {
    const native = await import("node-datachannel");
    // Without a callback the library writes to standard output. Its errors are those of peers, not of this node.
    native.initLogger("Error", (level, message) => {
      for (const logger of loggers)
        logger.debug({ level, message: message.slice(0, 300) }, "native WebRTC log");
    });
    return native;
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    const message = `no WebRTC engine for ${platform}: node-datachannel has no binary for it`;
    throw new WebRtcError("unsupported-platform", message, { cause });
  }
}

/** Sends the library's log to `logger` until the returned function is called. */
export function followNativeLog(logger: WebRtcLogger): () => void {
  loggers.add(logger);
  return () => void loggers.delete(logger);
}
