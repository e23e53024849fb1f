/** The longest prefix of `text` whose UTF-8 form has at most `maxBytes` bytes; never cuts inside a character. */
export function truncateUtf8(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) {
      return text.slice(0, end);
    }
    end += character.length;
  }
  return text;
}
