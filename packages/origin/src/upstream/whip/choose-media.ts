import {
  EXTENSION_MID,
  EXTENSION_REPAIRED_RID,
  EXTENSION_RID,
  EXTENSION_TRANSPORT_SEQUENCE,
} from "@canopy/media/rtp";
import { WEBRTC_PROBLEMS } from "@canopy/relay/webrtc";
import { ProblemError } from "@canopy/runtime";
import type {
  AnswerMedia,
  AnswerPlan,
  SdpCodec,
  SdpHeaderExtension,
  SdpMedia,
  SdpOffer,
} from "@canopy/transport/webrtc";

/** A media section that is received. */
export interface ChosenSection {
  readonly mid: string;
  readonly payloadType: number;
  /** Declared in the offer; empty: the first source that sends is it. */
  readonly ssrcs: readonly number[];
  /** The sender repeats what is asked for (RFC 4585 generic NACK). */
  readonly canRepeat: boolean;
  /** Id of the transport-wide sequence number; 0: none. */
  readonly transportExtension: number;
}

export interface ChosenVideo extends ChosenSection {
  /** How keyframes are asked for; undefined: the sender takes no requests. */
  readonly keyframeRequest: "pli" | "fir" | undefined;
  /** Names of simulcast layers; empty: one stream. */
  readonly rids: readonly string[];
  readonly ridExtension: number;
  /** The stream in which the sender repeats packets (RFC 4588); undefined: it repeats them where they were. */
  readonly repair: ChosenRepair | undefined;
  /** NAL units of `sprop-parameter-sets` (RFC 6184 §8.1). */
  readonly parameterSets: readonly Uint8Array[];
}

export interface ChosenRepair {
  readonly payloadType: number;
  /** Id of the element that names the layer whose packets are repeated; 0: none. */
  readonly ridExtension: number;
  /** From an SSRC of the repair stream to the repaired one, where the offer says so. */
  readonly ssrcs: ReadonlyMap<number, number>;
}

export interface ChosenAudio extends ChosenSection {
  /** Payload type of redundant audio (RFC 2198) whose primary is Opus; -1: none. */
  readonly redundantType: number;
}

export interface ChosenMedia {
  readonly plan: AnswerPlan;
  readonly video: ChosenVideo | undefined;
  readonly audio: ChosenAudio | undefined;
  /** How the sender learns what the way carries. */
  readonly bandwidth: "transport-cc" | "remb" | "none";
}

export interface ChooseMediaOptions {
  /** `b=AS` of the video section. */
  readonly maxVideoKbps: number;
}

/** Feedback that is answered where it is offered. */
const VIDEO_FEEDBACK: readonly string[] = ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"];
const AUDIO_FEEDBACK: readonly string[] = ["nack", "transport-cc"];

/** Parameter sets of a session description: two of each is more than any encoder has; an SPS is below 200 bytes. */
const MAX_PARAMETER_SETS = 8;
const MAX_PARAMETER_SET_BYTES = 1_024;

/**
 * What of an offer is received: the first video section with H.264 and the first audio section with Opus.
 * @throws ProblemError 422 if there is neither, or if a section would send only what cannot be taken
 */
export function chooseMedia(offer: SdpOffer, options: ChooseMediaOptions): ChosenMedia {
  const videoSection = sendingSection(offer, "video");
  const audioSection = sendingSection(offer, "audio");
  if (videoSection === undefined && audioSection === undefined)
    throw unsupported("The offer sends neither audio nor video.");
  const video = videoSection && chooseVideo(videoSection);
  const audio = audioSection && chooseAudio(audioSection);
  const sections = [video?.section, audio?.section].filter((section) => section !== undefined);
  const hasTransport = sections.every(
    (section) => section.transportExtension > 0 && section.codec.feedback.includes("transport-cc"),
  );
  const hasRemb = video?.section.codec.feedback.includes("goog-remb") === true;
  const bandwidth = hasTransport ? "transport-cc" : hasRemb ? "remb" : "none";
  return {
    plan: {
      media: [
        ...(video
          ? [answer(video.section, video.others, VIDEO_FEEDBACK, bandwidth, options.maxVideoKbps)]
          : []),
        ...(audio ? [answer(audio.section, audio.others, AUDIO_FEEDBACK, bandwidth, undefined)] : []),
      ],
      dataChannels: false,
    },
    video: video?.chosen,
    audio: audio?.chosen,
    bandwidth,
  };
}

/** Screen and camera as two video sections are not one broadcast: the first one counts. */
function sendingSection(offer: SdpOffer, kind: "audio" | "video"): SdpMedia | undefined {
  return offer.media.find(
    (section) =>
      section.kind === kind &&
      section.usable &&
      (section.direction === "sendonly" || section.direction === "sendrecv"),
  );
}

interface Section {
  readonly media: SdpMedia;
  readonly codec: SdpCodec;
  readonly transportExtension: number;
  readonly rids: readonly string[];
}

interface Choice<C> {
  readonly section: Section;
  /** Payload types beside the codec's own. */
  readonly others: readonly SdpCodec[];
  readonly chosen: C;
}

function chooseVideo(media: SdpMedia): Choice<ChosenVideo> {
  // Mode 2 is interleaved; every sender that has it has mode 1, too (RFC 6184 §8.2.2).
  const usable = media.codecs.filter((codec) => codec.name === "h264" && packetizationMode(codec) <= 1);
  const codec = usable.find((candidate) => packetizationMode(candidate) === 1) ?? usable[0];
  if (codec === undefined) throw wrongCodecs("video", media, "H.264");
  const ridExtension = extensionId(media, EXTENSION_RID);
  const rids =
    ridExtension > 0 ? media.rids.filter(({ direction }) => direction === "send").map(({ id }) => id) : [];
  const section: Section = {
    media,
    codec,
    transportExtension: extensionId(media, EXTENSION_TRANSPORT_SEQUENCE),
    rids,
  };
  const { feedback } = codec;
  const rtx = media.codecs.find(
    ({ name, parameters }) => name === "rtx" && parameters.get("apt") === String(codec.payloadType),
  );
  return {
    section,
    others: rtx === undefined ? [] : [rtx],
    chosen: {
      ...commonOf(section),
      keyframeRequest: feedback.includes("nack pli")
        ? "pli"
        : feedback.includes("ccm fir")
          ? "fir"
          : undefined,
      rids,
      ridExtension,
      repair: rtx && {
        payloadType: rtx.payloadType,
        ridExtension: extensionId(media, EXTENSION_REPAIRED_RID),
        ssrcs: media.rtxSsrcs,
      },
      parameterSets: readParameterSets(codec),
    },
  };
}

function chooseAudio(media: SdpMedia): Choice<ChosenAudio> {
  const codec = media.codecs.find(({ name, clockRate }) => name === "opus" && clockRate === 48_000);
  if (codec === undefined) throw wrongCodecs("audio", media, "Opus");
  const redundant = media.codecs.find(
    ({ name, parameters }) =>
      name === "red" && parameters.get("")?.split("/")[0] === String(codec.payloadType),
  );
  const section: Section = {
    media,
    codec,
    transportExtension: extensionId(media, EXTENSION_TRANSPORT_SEQUENCE),
    rids: [],
  };
  return {
    section,
    others: redundant === undefined ? [] : [redundant],
    chosen: { ...commonOf(section), redundantType: redundant?.payloadType ?? -1 },
  };
}

function commonOf({ media, codec, transportExtension }: Section): ChosenSection {
  return {
    mid: media.mid,
    payloadType: codec.payloadType,
    ssrcs: media.ssrcs,
    canRepeat: codec.feedback.includes("nack"),
    transportExtension,
  };
}

function answer(
  section: Section,
  others: readonly SdpCodec[],
  feedback: readonly string[],
  bandwidth: ChosenMedia["bandwidth"],
  maxKbps: number | undefined,
): AnswerMedia {
  const { media, codec, rids } = section;
  const wanted = [EXTENSION_MID, ...(rids.length > 0 ? [EXTENSION_RID, EXTENSION_REPAIRED_RID] : [])];
  if (bandwidth === "transport-cc") wanted.push(EXTENSION_TRANSPORT_SEQUENCE);
  return {
    mid: media.mid,
    direction: "recvonly",
    codecs: [
      {
        ...codec,
        parameters: answerParameters(codec),
        feedback: [...new Set(codec.feedback)].filter(
          (value) => feedback.includes(value) && (value !== "transport-cc" || bandwidth === "transport-cc"),
        ),
      },
      ...others.map((other) => ({ ...other, feedback: [] })),
    ],
    extensions: distinct(media.extensions.filter(({ uri }) => wanted.includes(uri))),
    ...(rids.length > 0 ? { rids } : {}),
    ...(maxKbps === undefined ? {} : { maxKbps }),
  };
}

/** What the receiver wants, not what the sender said of its own stream. */
function answerParameters({ name, parameters }: SdpCodec): ReadonlyMap<string, string> {
  if (name === "opus") {
    return new Map([
      ["minptime", "10"],
      ["stereo", "1"],
      ["useinbandfec", "1"],
    ]);
  }
  const kept = ["profile-level-id", "packetization-mode", "level-asymmetry-allowed"];
  return new Map([...parameters].filter(([key]) => kept.includes(key)));
}

/** The first element of each URI; a second one would be a mistake of the sender. */
function distinct(extensions: readonly SdpHeaderExtension[]): readonly SdpHeaderExtension[] {
  return extensions.filter(({ uri }, index) => extensions.findIndex((other) => other.uri === uri) === index);
}

function packetizationMode(codec: SdpCodec): number {
  return Number(codec.parameters.get("packetization-mode") ?? "0");
}

function extensionId(media: SdpMedia, uri: string): number {
  return media.extensions.find((extension) => extension.uri === uri)?.id ?? 0;
}

/** Base64, separated by commas. What is not, is left out: most senders repeat their parameter sets in the stream. */
function readParameterSets(codec: SdpCodec): readonly Uint8Array[] {
  const text = codec.parameters.get("sprop-parameter-sets") ?? "";
  return text
    .split(",", MAX_PARAMETER_SETS)
    .map((part) => Buffer.from(part.trim(), "base64"))
    .filter(({ length }) => length > 1 && length <= MAX_PARAMETER_SET_BYTES);
}

function wrongCodecs(kind: string, media: SdpMedia, wanted: string): ProblemError {
  const offered = [...new Set(media.codecs.map(({ name }) => name))].join(", ");
  return unsupported(`The ${kind} codecs of the offer (${offered}) cannot be taken: send ${wanted}.`);
}

function unsupported(detail: string): ProblemError {
  return new ProblemError(422, "Unprocessable Content", detail, { type: WEBRTC_PROBLEMS.unsupportedOffer });
}
