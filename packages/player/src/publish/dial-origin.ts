import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { isWebTransportSupported } from "@canopy/transport/browser";
import { PlayerError } from "../player-error.ts";
import { dialWebSocket } from "../upstream/moq/dial-web-socket.ts";
import { dialWebTransport } from "../upstream/moq/dial-web-transport.ts";
import type { DialedSession } from "../upstream/moq/dialed-session.ts";

/** A publisher waits longer for the better way than a viewer does: it is chosen once for a whole broadcast. */
const HEAD_START_MS = 1_000;

type Dial = typeof dialWebTransport;

/**
 * Opens a session to an origin: over WebTransport, or over WebSocket where the browser has none or the network lets
 * none through. Throws `PlayerError`, of the first choice if both fail.
 */
export async function dialOrigin(
  url: string,
  token: string | undefined,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<DialedSession> {
  const options = { ...deps, protocols: MOQ_PROTOCOLS };
  if (!isWebTransportSupported()) return dialWebSocket(url, token, options);
  return firstOf(
    [dialWebTransport, dialWebSocket],
    (dial, signal) => dial(url, token, { ...options, signal }),
    deps.signal,
  );
}

/** The session that is up first; the second dial starts when the first fails or has had its head start. */
function firstOf(
  [first, second]: readonly [Dial, Dial],
  start: (dial: Dial, signal: AbortSignal) => Promise<DialedSession>,
  signal: AbortSignal,
): Promise<DialedSession> {
  const losers = new AbortController();
  const both = AbortSignal.any([signal, losers.signal]);
  return new Promise((resolve, reject) => {
    let isOver = false;
    let firstError: unknown;
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = (dial: Dial): void => {
      start(dial, both).then(
        (dialed) => {
          if (isOver) {
            dialed.session.close(0, "another session was up first");
            return;
          }
          isOver = true;
          clearTimeout(timer);
          losers.abort();
          resolve(dialed);
        },
        (error: unknown) => {
          failures += 1;
          if (dial === first) firstError = error;
          if (isOver) return;
          // Who is not let in here is let in nowhere.
          const isFinal = error instanceof PlayerError && !error.shouldRetry();
          if (failures === 2 || signal.aborted || isFinal) {
            clearTimeout(timer);
            isOver = true;
            losers.abort();
            reject(isFinal ? error : (firstError ?? error));
          } else if (timer !== undefined) {
            runSecond();
          }
        },
      );
    };
    const runSecond = (): void => {
      clearTimeout(timer);
      timer = undefined;
      run(second);
    };
    timer = setTimeout(runSecond, HEAD_START_MS);
    run(first);
  });
}
