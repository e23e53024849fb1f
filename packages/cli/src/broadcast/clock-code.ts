/**
 * The machine-readable clock of the test picture: three rows of 32 black or white cells across the top of the
 * picture, from which a reader gets the capture time and number of the very frame it looks at.
 *
 * Bits, most significant first, row by row: 8 sync (0xa5), 48 unix time in ms, 24 frame number, 16 CRC-16/CCITT
 * over the 9 bytes of time and number. Cells are fractions of the picture, so any scale of it can be read; a
 * cell is 40 x 30 pixels at 720p, and only its middle is looked at, which survives coarse compression.
 *
 * Free of Node types: benchmarks and browser tests run the reader on a canvas.
 */

export const CLOCK_CODE_COLUMNS = 32;
export const CLOCK_CODE_ROWS = 3;
/** A row of cells is this fraction of the picture's height. */
export const CLOCK_CODE_ROW_HEIGHT = 1 / 24;

const SYNC_BYTE = 0xa5;
const CODE_BYTES = 12;
const FRAME_NUMBER_MODULUS = 2 ** 24;
/** Cells whose mean is closer than this to the threshold make the reading fail rather than guess. */
const MIN_CONTRAST = 24;

export interface ClockReading {
  /** Capture time of the frame, ms since the Unix epoch. */
  readonly unixMs: number;
  /** Frame number modulo 2^24. */
  readonly frame: number;
}

/** A picture in memory. */
export interface PixelView {
  /** Luma plane (`bytesPerPixel` 1) or RGBA (4: the green channel is read). */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: 1 | 4;
  /** Bytes from one line to the next; `width * bytesPerPixel` if left out. */
  readonly strideBytes?: number;
}

/** The 12 bytes of the strip. `unixMs` is rounded, `frame` taken modulo 2^24. */
export function encodeClockCode(reading: ClockReading): Uint8Array {
  const bytes = new Uint8Array(CODE_BYTES);
  const view = new DataView(bytes.buffer);
  const unixMs = Math.round(reading.unixMs);
  view.setUint8(0, SYNC_BYTE);
  view.setUint16(1, Math.floor(unixMs / 2 ** 32));
  view.setUint32(3, unixMs % 2 ** 32);
  const frame = reading.frame % FRAME_NUMBER_MODULUS;
  view.setUint8(7, frame >>> 16);
  view.setUint16(8, frame & 0xffff);
  view.setUint16(10, crc16(bytes.subarray(1, 10)));
  return bytes;
}

/** Reads the strip; undefined if the picture carries none or it is too damaged. */
export function readClockCode(picture: PixelView): ClockReading | undefined {
  const bytes = new Uint8Array(CODE_BYTES);
  const threshold = clockThreshold(picture);
  if (threshold === undefined) return undefined;
  for (let index = 0; index < CLOCK_CODE_ROWS * CLOCK_CODE_COLUMNS; index++) {
    const difference = cellMean(picture, index) - threshold;
    if (Math.abs(difference) < MIN_CONTRAST) return undefined;
    const at = index >> 3;
    if (difference > 0) bytes[at] = (bytes[at] ?? 0) | (0x80 >> (index & 7));
    if (index === 7 && bytes[0] !== SYNC_BYTE) return undefined;
  }
  const view = new DataView(bytes.buffer);
  if (view.getUint16(10) !== crc16(bytes.subarray(1, 10))) return undefined;
  return {
    unixMs: view.getUint16(1) * 2 ** 32 + view.getUint32(3),
    frame: view.getUint8(7) * 2 ** 16 + view.getUint16(8),
  };
}

/** The sync byte holds as many white cells as black ones: their mean is the threshold of this very picture. */
function clockThreshold(picture: PixelView): number | undefined {
  if (picture.width < CLOCK_CODE_COLUMNS * 2 || picture.height < 48) return undefined;
  let sum = 0;
  for (let index = 0; index < 8; index++) sum += cellMean(picture, index);
  return sum / 8;
}

/** Mean brightness of the middle of one cell. */
function cellMean(picture: PixelView, index: number): number {
  const column = index % CLOCK_CODE_COLUMNS;
  const row = Math.floor(index / CLOCK_CODE_COLUMNS);
  const cellWidth = picture.width / CLOCK_CODE_COLUMNS;
  const cellHeight = picture.height * CLOCK_CODE_ROW_HEIGHT;
  const left = Math.floor((column + 0.35) * cellWidth);
  const right = Math.max(left + 1, Math.ceil((column + 0.65) * cellWidth));
  const top = Math.floor((row + 0.35) * cellHeight);
  const bottom = Math.max(top + 1, Math.ceil((row + 0.65) * cellHeight));
  const stride = picture.strideBytes ?? picture.width * picture.bytesPerPixel;
  const channel = picture.bytesPerPixel === 4 ? 1 : 0;
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++)
      sum += picture.data[y * stride + x * picture.bytesPerPixel + channel] ?? 0;
  }
  return sum / ((bottom - top) * (right - left));
}

/** CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff. */
function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
