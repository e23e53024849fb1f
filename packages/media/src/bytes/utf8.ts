import { MediaError } from "../media-error.ts";

// Present in every browser, worker and Node, but part of neither ECMAScript nor of this package's type libraries.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
// Not fed in pieces, so it holds no state between calls.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Throws `MediaError` "malformed" on anything that is not UTF-8. `field` names the structure in the error. */
export function decodeUtf8(bytes: Uint8Array, field: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MediaError("malformed", `${field} is not UTF-8`, { field, cause });
  }
}
