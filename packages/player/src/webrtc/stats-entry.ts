/** One entry of an RTCStatsReport; W3C webrtc-stats names its fields, and browsers leave some out. */
export interface StatsEntry {
  readonly type: string;
  readonly id: string;
  readonly [field: string]: unknown;
}

/** 0 for what is left out. */
export function statsNumber(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** Of an entry of type `codec`, as WebCodecs names it where the profile is known: `avc1.42e01f`, `opus`. */
export function codecName(codec: StatsEntry | undefined): string | undefined {
  const mimeType = typeof codec?.mimeType === "string" ? codec.mimeType : undefined;
  const format = typeof codec?.sdpFmtpLine === "string" ? codec.sdpFmtpLine : "";
  const profile = /profile-level-id=([0-9a-f]{6})/i.exec(format)?.[1];
  if (mimeType === "video/H264" && profile !== undefined) return `avc1.${profile.toLowerCase()}`;
  return mimeType?.replace(/^(audio|video)\//, "").toLowerCase();
}
