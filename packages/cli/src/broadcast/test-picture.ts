import { GLYPH_ADVANCE, GLYPH_ROWS } from "./bitmap-font.ts";
import { CLOCK_CODE_COLUMNS, CLOCK_CODE_ROW_HEIGHT, CLOCK_CODE_ROWS, encodeClockCode } from "./clock-code.ts";
import { textWidth, YuvCanvas, yuvColor } from "./yuv-canvas.ts";

export interface TestPictureOptions {
  /** Even numbers of pixels, at least 160 x 96. */
  readonly width: number;
  readonly height: number;
  /** Shown in the corner, such as the broadcast path. */
  readonly title: string;
}

const BLACK_Y = 16;
const WHITE_Y = 235;
const PAPER = yuvColor(14, 22, 30);
const INK_Y = 232;
const DIM_Y = 140;
const LANE = yuvColor(24, 38, 50);
const BALL = yuvColor(46, 196, 140);
const FLASH = yuvColor(255, 196, 60);
/** The flash and the beep of a full second last this long. */
export const BEEP_MS = 100;
const BALL_PERIOD_MS = 4000;
const BARS: readonly (readonly [number, number, number])[] = [
  [191, 191, 191],
  [191, 191, 0],
  [0, 191, 191],
  [0, 191, 0],
  [191, 0, 191],
  [191, 0, 0],
  [0, 0, 191],
  [16, 16, 16],
];

/**
 * The moving test picture. A frame redraws only what changed since the last one (cells of the clock code,
 * digits, the ball), which keeps both drawing and encoding cheap.
 */
export class TestPicture {
  readonly canvas: YuvCanvas;
  readonly #clockScale: number;
  readonly #clockLeft: number;
  readonly #clockTop: number;
  readonly #smallScale: number;
  readonly #lane: {
    readonly top: number;
    readonly radius: number;
    readonly left: number;
    readonly width: number;
  };
  #code: Uint8Array = new Uint8Array(0);
  #clockText = "";
  #dateText = "";
  #ballX = -1;
  #flash = false;

  constructor(options: TestPictureOptions) {
    const { width, height } = options;
    this.canvas = new YuvCanvas(width, height);
    this.#clockScale = Math.max(1, Math.floor((width * 0.86) / (12 * GLYPH_ADVANCE)));
    this.#clockLeft = (width - textWidth("00:00:00.000", this.#clockScale)) >> 1;
    this.#clockTop = Math.round(height * 0.33);
    this.#smallScale = Math.max(1, Math.round(height / 240));
    const radius = Math.max(4, Math.round(height / 30)) & ~1;
    this.#lane = { top: Math.round(height * 0.7) & ~1, radius, left: 2 * radius, width: width - 4 * radius };
    this.#drawStill(options.title);
  }

  /** Draws the frame that was captured at `unixMs`; the result is `canvas.bytes`, valid until the next call. */
  draw(unixMs: number, frame: number): Uint8Array {
    this.#drawCode(unixMs, frame);
    const iso = new Date(unixMs).toISOString();
    this.#drawClock(iso.slice(11, 23));
    this.#drawDate(`${iso.slice(0, 10)} UTC`);
    this.#drawBall(unixMs);
    this.#drawFlash(unixMs % 1000 < BEEP_MS);
    return this.canvas.bytes;
  }

  #drawStill(title: string): void {
    const { canvas } = this;
    canvas.fill(0, 0, canvas.width, canvas.height, PAPER);
    const codeHeight = Math.ceil(canvas.height * CLOCK_CODE_ROW_HEIGHT * CLOCK_CODE_ROWS);
    canvas.fill(0, 0, canvas.width, codeHeight, { y: BLACK_Y, u: 128, v: 128 });
    const margin = this.#lane.left;
    const titleTop = codeHeight + Math.round(canvas.height * 0.06);
    canvas.text(margin, titleTop, "CANOPY", this.#smallScale * 2, INK_Y, PAPER.y);
    const room = canvas.width - 3 * margin - textWidth("CANOPY", this.#smallScale * 2);
    const letters = Math.max(0, Math.floor(room / (GLYPH_ADVANCE * this.#smallScale)));
    const shown = title.slice(0, letters);
    const left = canvas.width - margin - textWidth(shown, this.#smallScale);
    canvas.text(left, titleTop + GLYPH_ROWS * this.#smallScale, shown, this.#smallScale, DIM_Y, PAPER.y);
    const { top, radius, left: laneLeft, width } = this.#lane;
    canvas.fill(laneLeft, top, width, 2 * radius, LANE);
    const barsTop = Math.round(canvas.height * 0.84) & ~1;
    const barWidth = Math.floor(canvas.width / BARS.length) & ~1;
    for (const [index, [red, green, blue]] of BARS.entries()) {
      const right = index === BARS.length - 1 ? canvas.width : (index + 1) * barWidth;
      const color = yuvColor(red, green, blue);
      canvas.fill(index * barWidth, barsTop, right - index * barWidth, canvas.height - barsTop, color);
    }
  }

  #drawCode(unixMs: number, frame: number): void {
    const code = encodeClockCode({ unixMs, frame });
    const cellWidth = this.canvas.width / CLOCK_CODE_COLUMNS;
    const cellHeight = this.canvas.height * CLOCK_CODE_ROW_HEIGHT;
    for (let index = 0; index < CLOCK_CODE_ROWS * CLOCK_CODE_COLUMNS; index++) {
      const mask = 0x80 >> (index & 7);
      const on = ((code[index >> 3] ?? 0) & mask) !== 0;
      if ((((this.#code[index >> 3] ?? 0) & mask) !== 0) === on) continue;
      const column = index % CLOCK_CODE_COLUMNS;
      const row = Math.floor(index / CLOCK_CODE_COLUMNS);
      const left = Math.round(column * cellWidth);
      const top = Math.round(row * cellHeight);
      const width = Math.round((column + 1) * cellWidth) - left;
      const height = Math.round((row + 1) * cellHeight) - top;
      this.canvas.fillLuma(left, top, width, height, on ? WHITE_Y : BLACK_Y);
    }
    this.#code = code;
  }

  #drawClock(text: string): void {
    this.#drawChanged(text, this.#clockText, this.#clockLeft, this.#clockTop, this.#clockScale, INK_Y);
    this.#clockText = text;
  }

  #drawDate(text: string): void {
    if (text === this.#dateText) return;
    const scale = this.#smallScale;
    const top = this.#clockTop + (GLYPH_ROWS + 2) * this.#clockScale;
    this.#drawChanged(text, this.#dateText, this.#clockLeft, top, scale, DIM_Y);
    this.#dateText = text;
  }

  #drawChanged(text: string, old: string, left: number, top: number, scale: number, ink: number): void {
    for (let index = 0; index < text.length; index++) {
      const character = text.charAt(index);
      if (character === old.charAt(index)) continue;
      this.canvas.glyph(left + index * GLYPH_ADVANCE * scale, top, character, scale, ink, PAPER.y);
    }
  }

  #drawBall(unixMs: number): void {
    const { top, radius, left, width } = this.#lane;
    const phase = (unixMs % BALL_PERIOD_MS) / BALL_PERIOD_MS;
    const way = phase < 0.5 ? phase * 2 : 2 - phase * 2;
    const x = Math.round(left + radius + way * (width - 2 * radius)) & ~1;
    if (x === this.#ballX) return;
    if (this.#ballX >= 0) this.canvas.fill(this.#ballX - radius, top, 2 * radius, 2 * radius, LANE);
    this.canvas.disc(x, top + radius, radius, BALL);
    this.#ballX = x;
  }

  /** Lights up with the beep of each full second, to see and hear whether sound and picture are together. */
  #drawFlash(on: boolean): void {
    if (on === this.#flash) return;
    const side = GLYPH_ROWS * 2 * this.#smallScale;
    const left = (this.canvas.width - side) & ~1;
    const top = (this.#clockTop + (GLYPH_ROWS + 1) * this.#clockScale) & ~1;
    this.canvas.fill((left - this.#lane.left) & ~1, top, side, side, on ? FLASH : PAPER);
    this.#flash = on;
  }
}
