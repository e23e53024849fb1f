/**
 * Asks for Opus in stereo in every audio section of a description: without these parameters (RFC 7587 §6.1) browsers
 * decode, and encode, one channel.
 */
export function withStereoOpus(sdp: string, maxBitrateBps?: number): string {
  const wanted = ["stereo=1", "sprop-stereo=1"];
  if (maxBitrateBps !== undefined) wanted.push(`maxaveragebitrate=${Math.round(maxBitrateBps)}`);
  return sdp
    .replaceAll(/^a=rtpmap:(\d+) opus\/48000\/2[^\r\n]*/gim, (line, type: string) =>
      new RegExp(`^a=fmtp:${type} `, "m").test(sdp) ? line : `${line}\r\na=fmtp:${type} ${wanted.join(";")}`,
    )
    .replaceAll(/^a=fmtp:(\d+) ([^\r\n]*)/gm, (line, type: string, parameters: string) => {
      if (!new RegExp(`^a=rtpmap:${type} opus/48000/2`, "im").test(sdp)) return line;
      const kept = parameters
        .split(";")
        .map((parameter) => parameter.trim())
        .filter((parameter) => !/^(stereo|sprop-stereo|maxaveragebitrate)=|^$/.test(parameter));
      return `a=fmtp:${type} ${[...kept, ...wanted].join(";")}`;
    });
}
