import type { TranscodeFormat } from "./transcode-format.ts";

/** What the origin's loop asks of the thread that transcodes. Ids are never used again. */
export type ToWorker =
  | { readonly kind: "open"; readonly id: number; readonly format: TranscodeFormat }
  | { readonly kind: "close"; readonly id: number }
  /** Nothing follows: the thread ends by itself. */
  | { readonly kind: "end" }
  /** A frame batch; answered by `done`, whatever became of its frames. */
  | { readonly kind: "frames"; readonly batch: ArrayBuffer };

export type FromWorker =
  | { readonly kind: "ready" }
  /** FFmpeg cannot be loaded here; there is no use in trying again. */
  | { readonly kind: "unavailable"; readonly reason: string }
  /** A transcoding that cannot go on; it is closed already. */
  | { readonly kind: "failed"; readonly id: number; readonly reason: string }
  /** What came out of one batch of input, which is often nothing yet. */
  | { readonly kind: "done"; readonly batch: ArrayBuffer; readonly undecodable: number };
