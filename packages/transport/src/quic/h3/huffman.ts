/**
 * Length of the code of each symbol 0 to 256 (RFC 7541, Appendix B) as a letter: a = 5 bits, b = 6, … z = 30.
 * The code is canonical, so the lengths say it all.
 */
const CODE_LENGTHS =
  "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibcccccccccccccccccccc" +
  "ccdcdioijbkabababbbaccbbbabcbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrt" +
  "qrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwvz";
const SHORTEST = 5;
const LONGEST = 30;
const END_OF_STRING = 256;

interface CanonicalCode {
  /** Symbols in order of their codes. */
  readonly symbols: Uint16Array;
  /** By code length: the first code, its place in `symbols`, and the number of codes. */
  readonly firstCode: Uint32Array;
  readonly firstIndex: Uint16Array;
  readonly count: Uint16Array;
}

const CODE = buildCode();

/**
 * Decodes a Huffman string (RFC 7541 §5.2) to ASCII/Latin-1, or returns undefined if it is malformed: more than
 * 7 bits of padding, padding that is not the beginning of the end-of-string code, or that code itself.
 * `maxBytes` bounds the result.
 */
export function decodeHuffman(bytes: Uint8Array, maxBytes: number): string | undefined {
  const out = Buffer.allocUnsafe(Math.min(maxBytes, Math.floor((bytes.length * 8) / SHORTEST)));
  let written = 0;
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      code = ((code << 1) | ((byte >>> shift) & 1)) >>> 0;
      length += 1;
      const symbol = symbolOf(code, length);
      if (symbol === undefined) {
        if (length > LONGEST) return undefined;
        continue;
      }
      if (symbol === END_OF_STRING || written === out.length) return undefined;
      out[written] = symbol;
      written += 1;
      code = 0;
      length = 0;
    }
  }
  // What is left must be padding: fewer than 8 bits, all ones.
  if (length > 7 || code !== (1 << length) - 1) return undefined;
  return out.toString("latin1", 0, written);
}

function symbolOf(code: number, length: number): number | undefined {
  if (length < SHORTEST || length > LONGEST) return undefined;
  const offset = code - (CODE.firstCode[length] ?? 0);
  if (offset < 0 || offset >= (CODE.count[length] ?? 0)) return undefined;
  return CODE.symbols[(CODE.firstIndex[length] ?? 0) + offset];
}

function buildCode(): CanonicalCode {
  const lengths = Array.from(CODE_LENGTHS, (letter) => letter.charCodeAt(0) - 97 + SHORTEST);
  const order = lengths.map((_, symbol) => symbol);
  order.sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const firstCode = new Uint32Array(LONGEST + 1);
  const firstIndex = new Uint16Array(LONGEST + 1);
  const count = new Uint16Array(LONGEST + 1);
  let code = 0;
  let index = 0;
  for (let length = SHORTEST; length <= LONGEST; length += 1) {
    firstCode[length] = code;
    firstIndex[length] = index;
    while (index < order.length && lengths[order[index] ?? 0] === length) {
      index += 1;
      code += 1;
    }
    count[length] = index - (firstIndex[length] ?? 0);
    code *= 2;
  }
  return { symbols: Uint16Array.from(order), firstCode, firstIndex, count };
}
