/** A decoded frame, or what an element shows at the moment. */
export type Picture = VideoFrame | HTMLVideoElement;

/** Paints pictures onto a canvas, which takes their size. */
export class CanvasPainter {
  readonly #canvas: HTMLCanvasElement | OffscreenCanvas;
  #context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null | undefined;

  constructor(canvas: HTMLCanvasElement | OffscreenCanvas) {
    this.#canvas = canvas;
  }

  /** Does not close a frame. */
  paint(picture: Picture): void {
    const width = "displayWidth" in picture ? picture.displayWidth : picture.videoWidth;
    const height = "displayHeight" in picture ? picture.displayHeight : picture.videoHeight;
    // Setting the size clears the canvas, so only when it changes.
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context ??= this.#canvas.getContext("2d", { alpha: false }) as
      | CanvasRenderingContext2D
      | OffscreenCanvasRenderingContext2D
      | null;
    this.#context?.drawImage(picture, 0, 0, width, height);
  }
}
