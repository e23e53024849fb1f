/**
 * The one place that loads the native QUIC engine (Cloudflare quiche 0.18 through the low-level binding of
 * @matrixai/quic). It is loaded on first use, so that a process that never opens a QUIC endpoint also runs on
 * platforms for which the binding has no binary (linux-arm64).
 */
import type quicheBinding from "@matrixai/quic/native/quiche.js";
import type { Config, Connection, Host, PathEvent, RecvInfo } from "@matrixai/quic/native/types.js";
import { QuicError } from "./quic-error.ts";

export type Quiche = typeof quicheBinding;
export type NativeConfig = Config;
export type NativeConnection = Connection;
export type NativeHostPort = Host;
export type NativePathEvent = PathEvent;
export type NativeRecvInfo = RecvInfo;

/** quiche's `Shutdown` values; the binding takes the numbers. */
export const SHUTDOWN_READ = 0;
export const SHUTDOWN_WRITE = 1;

/** Loads the engine (once per process: modules are cached). Rejects with `unsupported-platform` where it has no binary. */
export async function loadQuiche(): Promise<Quiche> {
  try {
    return (await import("@matrixai/quic/native/quiche.js")).default;
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    const message = `no QUIC engine for ${platform}: @matrixai/quic has no binary for it`;
    throw new QuicError("unsupported-platform", message, { cause });
  }
}

const STREAM_STOPPED = /StreamStopped\((\d+)\)/;
const STREAM_RESET = /StreamReset\((\d+)\)/;

/**
 * The binding reports quiche errors as the debug text of the Rust value, such as `StreamStopped(7)`. Returns the
 * application code of a STOP_SENDING, or undefined for any other error.
 */
export function stoppedCode(error: unknown): number | undefined {
  return codeIn(error, STREAM_STOPPED);
}

/** The application code of a RESET_STREAM, or undefined for any other error. */
export function resetCode(error: unknown): number | undefined {
  return codeIn(error, STREAM_RESET);
}

function codeIn(error: unknown, pattern: RegExp): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const match = pattern.exec(error.message);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
