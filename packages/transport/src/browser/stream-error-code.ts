/**
 * Application codes of RESET_STREAM and STOP_SENDING, which browsers wrap in a WebTransportError
 * (W3C WebTransport §8).
 */

/** Code of a stream that ended without one, such as when the connection broke. */
const NO_CODE = 0;

/** The application code in an error that a stream's reader or writer was rejected with. */
export function streamErrorCode(error: unknown): number {
  if (typeof error === "object" && error !== null && "streamErrorCode" in error) {
    const code = error.streamErrorCode;
    if (typeof code === "number") return code;
  }
  return NO_CODE;
}

/** Chromium's first form of the constructor, before the specification took message and options apart. */
interface DictionaryConstructor {
  new (init: { readonly message: string; readonly streamErrorCode: number }): unknown;
}

/** The reason to abort or cancel a stream with, so that `code` goes on the wire. */
export function streamErrorOf(code: number): unknown {
  if (typeof WebTransportError !== "function") return undefined;
  const message = "stream abandoned";
  try {
    const error = new WebTransportError(message, { streamErrorCode: code });
    if (streamErrorCode(error) === code) return error;
  } catch {
    // The older form of the constructor takes one dictionary.
  }
  const Constructor = WebTransportError as unknown as DictionaryConstructor;
  return new Constructor({ message, streamErrorCode: code });
}
