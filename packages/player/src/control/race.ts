import type { UpstreamFactory } from "../upstream/upstream.ts";

/**
 * How long WebTransport runs alone. Its handshake takes two round trips, so that on most paths it has won by then,
 * and where UDP is swallowed this is all the time that is lost.
 */
const HEAD_START_MS = 250;

/** The transport that runs against the one at `index`: the same session over WebSocket beside WebTransport. */
export function rivalOf(factories: readonly UpstreamFactory[], index: number): number | undefined {
  const isRace =
    factories[index]?.transport === "webtransport" && factories[index + 1]?.transport === "websocket";
  return isRace ? index + 1 : undefined;
}

/** When the rival is dialled: at once where it has won lately. */
export function headStartMs(lastWinner: string | undefined): number {
  return lastWinner === "websocket" ? 0 : HEAD_START_MS;
}
