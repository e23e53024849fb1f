/** Paints decoded frames onto a canvas, which takes their size. */
export class CanvasPainter {
  readonly #canvas: HTMLCanvasElement | OffscreenCanvas;
  #context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null | undefined;

  constructor(canvas: HTMLCanvasElement | OffscreenCanvas) {
    this.#canvas = canvas;
  }

  /** Does not close the frame. */
  paint(frame: VideoFrame): void {
    const { displayWidth, displayHeight } = frame;
    // Setting the size clears the canvas, so only when it changes.
    if (this.#canvas.width !== displayWidth || this.#canvas.height !== displayHeight) {
      this.#canvas.width = displayWidth;
      this.#canvas.height = displayHeight;
    }
    this.#context ??= this.#canvas.getContext("2d", { alpha: false }) as
      | CanvasRenderingContext2D
      | OffscreenCanvasRenderingContext2D
      | null;
    this.#context?.drawImage(frame, 0, 0, displayWidth, displayHeight);
  }
}
