import { EXTENSION_ABSOLUTE_SEND_TIME, mediaClockOffset } from "@canopy/media/rtp";
import type { AnswerMedia, SdpCodec, SdpMedia, SdpOffer } from "@canopy/transport/webrtc";
import type { PlayableMedia } from "./playable-media.ts";
import type { RtpKind } from "./rtp-track.ts";

/** Feedback that is understood here. TWCC is not: its per-viewer numbers would make every packet a packet of one viewer's. */
const FEEDBACK: ReadonlySet<string> = new Set(["nack", "nack pli", "ccm fir", "goog-remb"]);
const LARGEST_EXTENSION_ID = 14;

/** How one media section of a viewer is answered. */
export interface ChosenSection {
  readonly kind: RtpKind;
  readonly mid: string;
  readonly codec: SdpCodec;
  /** For abs-send-time; one that the viewer has not mapped if he did not offer it, so that he ignores it. */
  readonly extensionId: number;
}

/** At most one section of each kind: those that the offer has room for and the broadcast has media for. */
export function chooseSections(offer: SdpOffer, media: PlayableMedia): readonly ChosenSection[] {
  const sections: ChosenSection[] = [];
  const [best] = media.video;
  const video =
    best === undefined
      ? undefined
      : chooseSection(offer, "video", (codecs) => chooseH264(codecs, best.profile));
  const audio = media.audio === undefined ? undefined : chooseSection(offer, "audio", chooseOpus);
  if (video !== undefined) sections.push(video);
  if (audio !== undefined) sections.push(audio);
  return sections;
}

function chooseSection(
  offer: SdpOffer,
  kind: RtpKind,
  choose: (codecs: readonly SdpCodec[]) => SdpCodec | undefined,
): ChosenSection | undefined {
  for (const section of offer.media) {
    const receives = section.direction === "recvonly" || section.direction === "sendrecv";
    if (section.kind !== kind || !section.usable || !receives) continue;
    const codec = choose(section.codecs);
    if (codec !== undefined) return { kind, mid: section.mid, codec, extensionId: extensionIdOf(section) };
  }
  return undefined;
}

/** RFC 6184 section 8.1: the mode that is sent here is 1; of several profiles the stream's own is the best. */
function chooseH264(codecs: readonly SdpCodec[], profile: number | undefined): SdpCodec | undefined {
  const usable = codecs.filter(
    ({ name, parameters }) => name === "h264" && parameters.get("packetization-mode") === "1",
  );
  const same = usable.find(({ parameters }) => profileOf(parameters.get("profile-level-id")) === profile);
  return same ?? usable[0];
}

function profileOf(profileLevelId: string | undefined): number | undefined {
  // Section 8.1: without the parameter it is Baseline.
  const value = Number.parseInt((profileLevelId ?? "42").slice(0, 2), 16);
  return Number.isNaN(value) ? undefined : value;
}

function chooseOpus(codecs: readonly SdpCodec[]): SdpCodec | undefined {
  return codecs.find(({ name, clockRate }) => name === "opus" && clockRate === 48_000);
}

function extensionIdOf(section: SdpMedia): number {
  const offered = section.extensions.find(({ uri }) => uri === EXTENSION_ABSOLUTE_SEND_TIME);
  if (offered !== undefined) return offered.id;
  const taken = new Set(section.extensions.map(({ id }) => id));
  let id = LARGEST_EXTENSION_ID;
  while (id > 1 && taken.has(id)) id -= 1;
  return id;
}

/** The answer's section: the offer's payload type and parameters, and the feedback that both sides know. */
export function answerSection(
  section: ChosenSection,
  offer: SdpOffer,
  send: NonNullable<AnswerMedia["send"]>,
): AnswerMedia {
  const offered = offer.media.find(({ mid }) => mid === section.mid);
  const { codec } = section;
  return {
    mid: section.mid,
    direction: "sendonly",
    codecs: [{ ...codec, feedback: codec.feedback.filter((value) => FEEDBACK.has(value)) }],
    extensions: offered?.extensions.filter(({ uri }) => uri === EXTENSION_ABSOLUTE_SEND_TIME) ?? [],
    send: { ...send, mediaClockOffset: mediaClockOffset(codec.clockRate) },
  };
}
