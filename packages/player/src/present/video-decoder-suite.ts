import { afterEach, beforeEach, vi } from "vitest";

/** Every test of the file finds `decoder` as the browser's, with none made yet, and chunks that are what they are made of. */
export function useVideoDecoder(decoder: { readonly made: unknown[] }): void {
  beforeEach(() => {
    decoder.made.length = 0;
    vi.stubGlobal("VideoDecoder", decoder);
    vi.stubGlobal(
      "EncodedVideoChunk",
      class {
        constructor(init: object) {
          Object.assign(this, init);
        }
      },
    );
  });
  afterEach(() => void vi.unstubAllGlobals());
}
