interface Codec {
  readonly mimeType: string;
  readonly sdpFmtpLine?: string;
}

/** Constrained baseline, baseline, main, high (H.264 §A.2): what every viewer decodes first; none with B-frames here. */
const PROFILES: readonly RegExp[] = [/=42e0/i, /=4200/i, /=4d00/i, /=6400/i];

/**
 * For `setCodecPreferences`: H.264 whose NAL units may be split over packets (RFC 6184 packetization mode 1), the most
 * widely decoded profile first; then other H.264; then what repairs losses. Codecs that the origin does not take are
 * left out, as long as H.264 is there.
 */
export function orderVideoCodecs<C extends Codec>(codecs: readonly C[]): C[] {
  const rank = ({ mimeType, sdpFmtpLine = "" }: C): number | undefined => {
    if (/^video\/(rtx|red|ulpfec|flexfec-03)$/i.test(mimeType)) return 100;
    if (!/^video\/h264$/i.test(mimeType)) return undefined;
    const profile = PROFILES.findIndex((pattern) => pattern.test(sdpFmtpLine));
    return (profile < 0 ? PROFILES.length : profile) + (/packetization-mode=1/.test(sdpFmtpLine) ? 0 : 10);
  };
  const ranked = codecs.flatMap((codec) => {
    const at = rank(codec);
    return at === undefined ? [] : [{ codec, at }];
  });
  if (!ranked.some(({ at }) => at < 100)) return [...codecs];
  // Stable: what is equal keeps the browser's order.
  return ranked.sort((a, b) => a.at - b.at).map(({ codec }) => codec);
}
