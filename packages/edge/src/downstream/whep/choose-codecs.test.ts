import type { SdpCodec, SdpMedia, SdpOffer } from "@canopy/transport/webrtc";
import { describe, expect, it } from "vitest";
import { answerSection, chooseSections } from "./choose-codecs.ts";
import { type PlayableMedia, playableMedia } from "./playable-media.ts";

function codec(payloadType: number, name: string, parameters: Record<string, string> = {}): SdpCodec {
  const clockRate = name === "opus" ? 48_000 : 90_000;
  const feedback = ["transport-cc", "goog-remb", "nack", "nack pli"];
  return {
    payloadType,
    name,
    clockRate,
    channels: 1,
    parameters: new Map(Object.entries(parameters)),
    feedback,
  };
}

function section(
  mid: string,
  kind: SdpMedia["kind"],
  codecs: readonly SdpCodec[],
  more: Partial<SdpMedia> = {},
): SdpMedia {
  return {
    index: 0,
    mid,
    kind,
    direction: "recvonly",
    usable: true,
    codecs,
    extensions: [],
    ssrcs: [],
    rtxSsrcs: new Map(),
    rids: [],
    msid: undefined,
    sctpPort: undefined,
    head: { protocol: "UDP/TLS/RTP/SAVPF", formats: [] },
    ...more,
  };
}

const offerOf = (...media: SdpMedia[]): SdpOffer => ({ media }) as unknown as SdpOffer;

const H264 = [
  codec(96, "vp8"),
  codec(101, "h264", { "packetization-mode": "0", "profile-level-id": "42e01f" }),
  codec(102, "h264", { "packetization-mode": "1", "profile-level-id": "42e01f" }),
  codec(103, "h264", { "packetization-mode": "1", "profile-level-id": "640c1f" }),
];
const MEDIA: PlayableMedia = playableMedia({
  video: {
    renditions: { low: { codec: "avc1.64001e", bitrate: 1 }, high: { codec: "avc1.64001f", bitrate: 2 } },
  },
  audio: {
    renditions: {
      audio: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2 },
      "audio-opus": { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 },
    },
  },
});

describe("playableMedia", () => {
  it("orders video from the highest bitrate and takes the bridged sound", () => {
    expect(MEDIA.video.map(({ name }) => name)).toEqual(["high", "low"]);
    expect(MEDIA.audio?.name).toBe("audio-opus");
    expect(MEDIA.leftOut).toEqual(["mp4a.40.2"]);
  });

  it("leaves out what RTP has no place for", () => {
    const media = playableMedia({
      video: {
        renditions: {
          described: { codec: "avc1.64001f", description: "01" },
          wrapped: { codec: "avc1.64001f", container: { kind: "cmaf", init: "" } },
          elsewhere: { codec: "avc1.64001f", broadcast: "other" },
          hevc: { codec: "hvc1.1.6.L93.B0" },
        },
      },
      canopy: { bFrames: true },
    });
    expect(media.video).toEqual([]);
    expect(media.leftOut).toHaveLength(4);
    expect(media.hasBFrames).toBe(true);
  });
});

describe("chooseSections", () => {
  it("takes packetization mode 1 and the stream's own profile", () => {
    const [video] = chooseSections(offerOf(section("0", "video", H264)), MEDIA);
    expect(video?.codec.payloadType).toBe(103);
  });

  it("takes another profile rather than none: decoders take more than they say", () => {
    const [video] = chooseSections(offerOf(section("0", "video", H264.slice(0, 3))), MEDIA);
    expect(video?.codec.payloadType).toBe(102);
  });

  it("leaves sections alone that cannot receive, are not usable or have other codecs", () => {
    const opus = [codec(111, "opus")];
    const offer = offerOf(
      section("0", "video", H264, { direction: "sendonly" }),
      section("1", "video", H264, { usable: false }),
      section("2", "video", [codec(96, "vp8")]),
      section("3", "audio", opus),
      section("4", "audio", opus),
    );
    expect(chooseSections(offer, MEDIA).map(({ mid }) => mid)).toEqual(["3"]);
  });

  it("uses an extension id that the viewer has not mapped if he does not know abs-send-time", () => {
    const extensions = [14, 13].map((id) => ({ id, uri: `urn:other:${id}` }));
    const [video] = chooseSections(offerOf(section("0", "video", H264, { extensions })), MEDIA);
    expect(video?.extensionId).toBe(12);
  });
});

describe("answerSection", () => {
  it("answers with the feedback that both sides know, and without transport-wide feedback", () => {
    const offer = offerOf(section("0", "video", H264));
    const [video] = chooseSections(offer, MEDIA);
    if (video === undefined) throw new Error("nothing was chosen");
    const answer = answerSection(video, offer, { ssrc: 1, cname: "c", streamId: "s" });
    expect(answer.codecs[0]?.feedback).toEqual(["goog-remb", "nack", "nack pli"]);
    expect(answer.direction).toBe("sendonly");
  });
});
