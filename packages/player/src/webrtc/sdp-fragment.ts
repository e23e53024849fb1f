/** Type of the body of a PATCH (RFC 8840). */
export const SDP_FRAGMENT_TYPE = "application/trickle-ice-sdpfrag";

export interface TrickledCandidate {
  /** `candidate:…`, without `a=`. */
  readonly candidate: string;
  readonly mid: string;
}

/** Credentials of one ICE generation. */
export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** ICE credentials of a description: of the session, or else of its first media section. */
export function iceCredentials(sdp: string): IceCredentials | undefined {
  const ufrag = /^a=ice-ufrag:(\S+)\s*$/m.exec(sdp)?.[1];
  const pwd = /^a=ice-pwd:(\S+)\s*$/m.exec(sdp)?.[1];
  return ufrag === undefined || pwd === undefined ? undefined : { ufrag, pwd };
}

/**
 * The fragment that tells candidates of the local description `sdp` (RFC 8840 §4.4, RFC 9725 §4.3.1): the first media
 * section alone is named, as all are bundled on it.
 */
export function trickleFragment(
  sdp: string,
  candidates: readonly TrickledCandidate[],
  isComplete: boolean,
): string | undefined {
  const credentials = iceCredentials(sdp);
  const media = /^m=\S+ /m.exec(sdp);
  const mid = /^a=mid:(\S+)\s*$/m.exec(sdp)?.[1];
  if (credentials === undefined || media === null || mid === undefined) return undefined;
  const lines = [
    `a=ice-ufrag:${credentials.ufrag}`,
    `a=ice-pwd:${credentials.pwd}`,
    `${media[0]}9 UDP/TLS/RTP/SAVPF 0`,
    `a=mid:${mid}`,
    ...candidates.filter((entry) => entry.mid === mid).map(({ candidate }) => `a=${candidate}`),
  ];
  if (isComplete) lines.push("a=end-of-candidates");
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * The answer of before with the credentials and candidates of the fragment with which a server agreed to an ICE
 * restart (RFC 9725 §4.3.3); undefined if the fragment has no credentials.
 */
export function restartedAnswer(answer: string, fragment: string): string | undefined {
  const credentials = iceCredentials(fragment);
  if (credentials === undefined) return undefined;
  const candidates = fragment.match(/^a=candidate:[^\r\n]+/gm) ?? [];
  const lines: string[] = [];
  let isFirstMedia = true;
  const endSection = (): void => {
    if (lines.some((line) => line.startsWith("m=")) && isFirstMedia) {
      isFirstMedia = false;
      lines.push(...candidates);
    }
  };
  for (const line of answer.split(/\r?\n/)) {
    if (line === "" || line.startsWith("a=candidate:") || line.startsWith("a=end-of-candidates")) continue;
    if (line.startsWith("m=")) endSection();
    if (line.startsWith("a=ice-ufrag:")) lines.push(`a=ice-ufrag:${credentials.ufrag}`);
    else if (line.startsWith("a=ice-pwd:")) lines.push(`a=ice-pwd:${credentials.pwd}`);
    else lines.push(line);
  }
  endSection();
  return `${lines.join("\r\n")}\r\n`;
}
