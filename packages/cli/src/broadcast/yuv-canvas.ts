import { GLYPH_ADVANCE, GLYPH_COLUMNS, GLYPH_ROWS, glyphRows } from "./bitmap-font.ts";

/** A colour in limited-range BT.709 YCbCr. */
export interface YuvColor {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

/** Converts 8-bit RGB to limited-range BT.709. */
export function yuvColor(red: number, green: number, blue: number): YuvColor {
  const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return {
    y: Math.round(16 + (luma * 219) / 255),
    u: Math.round(128 + (((blue - luma) / 1.8556) * 224) / 255),
    v: Math.round(128 + (((red - luma) / 1.5748) * 224) / 255),
  };
}

/** A picture in planar YUV 4:2:0, one buffer: Y, then U, then V, without padding. */
export class YuvCanvas {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
  readonly #y: Uint8Array;
  readonly #u: Uint8Array;
  readonly #v: Uint8Array;
  readonly #chromaWidth: number;

  /** `width` and `height` must be even. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#chromaWidth = width >> 1;
    const chromaBytes = this.#chromaWidth * (height >> 1);
    this.bytes = new Uint8Array(width * height + 2 * chromaBytes);
    this.#y = this.bytes.subarray(0, width * height);
    this.#u = this.bytes.subarray(width * height, width * height + chromaBytes);
    this.#v = this.bytes.subarray(width * height + chromaBytes);
  }

  /** The luma plane; `width` bytes a line. */
  get luma(): Uint8Array {
    return this.#y;
  }

  /** Fills a rectangle; chroma is rounded to whole 2 x 2 blocks. */
  fill(left: number, top: number, width: number, height: number, color: YuvColor): void {
    this.fillLuma(left, top, width, height, color.y);
    const chromaLeft = left >> 1;
    const chromaRight = (left + width + 1) >> 1;
    for (let line = top >> 1; line < (top + height + 1) >> 1; line++) {
      const start = line * this.#chromaWidth;
      this.#u.fill(color.u, start + chromaLeft, start + chromaRight);
      this.#v.fill(color.v, start + chromaLeft, start + chromaRight);
    }
  }

  fillLuma(left: number, top: number, width: number, height: number, y: number): void {
    for (let line = top; line < top + height; line++) {
      const start = line * this.width + left;
      this.#y.fill(y, start, start + width);
    }
  }

  /** A filled disc, line by line. */
  disc(centerX: number, centerY: number, radius: number, color: YuvColor): void {
    for (let dy = -radius; dy < radius; dy++) {
      const half = Math.floor(Math.sqrt(radius * radius - (dy + 0.5) * (dy + 0.5)));
      if (half > 0) this.fill(centerX - half, centerY + dy, half * 2, 1, color);
    }
  }

  /** Draws text in luma only: background `paper`, strokes `ink`; `scale` = pixels per dot. */
  text(left: number, top: number, text: string, scale: number, ink: number, paper: number): void {
    let x = left;
    for (const character of text) {
      this.glyph(x, top, character, scale, ink, paper);
      x += GLYPH_ADVANCE * scale;
    }
  }

  glyph(left: number, top: number, character: string, scale: number, ink: number, paper: number): void {
    const rows = glyphRows(character);
    for (let row = 0; row < GLYPH_ROWS; row++) {
      const bits = rows[row] ?? 0;
      for (let column = 0; column < GLYPH_COLUMNS; column++) {
        const on = (bits >> (GLYPH_COLUMNS - 1 - column)) & 1;
        this.fillLuma(left + column * scale, top + row * scale, scale, scale, on ? ink : paper);
      }
    }
  }
}

/** Width in pixels of a text at a scale, without the gap after the last glyph. */
export function textWidth(text: string, scale: number): number {
  return (text.length * GLYPH_ADVANCE - 1) * scale;
}
