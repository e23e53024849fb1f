/** The part of Structured Fields (RFC 8941) that WebTransport's subprotocol negotiation needs. */

const MAX_LIST_LENGTH = 64;
/** A string of printable ASCII with `\"` and `\\` escaped, then parameters, which say nothing here. */
const STRING_MEMBER = /^[ \t]*"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(?:;[^,"]*)?[ \t]*(?:,|$)/;

/**
 * A list of strings such as `"moq-lite-05", "moq-lite-04"`. A field that is not one is ignored as a whole, as
 * RFC 8941 §4.2 demands: the result is empty then.
 */
export function parseStringList(field: string): string[] {
  const members: string[] = [];
  let rest = field;
  while (rest.trim() !== "") {
    const match = STRING_MEMBER.exec(rest);
    if (match?.[1] === undefined || members.length === MAX_LIST_LENGTH) return [];
    members.push(match[1].replace(/\\(["\\])/g, "$1"));
    rest = rest.slice(match[0].length);
  }
  return members;
}

/** `text` as a string in double quotes; it must be printable ASCII. */
export function encodeString(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

export function encodeStringList(members: readonly string[]): string {
  return members.map(encodeString).join(", ");
}
