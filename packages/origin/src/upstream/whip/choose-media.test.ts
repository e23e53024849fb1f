import { ProblemError } from "@canopy/runtime";
import { parseOffer } from "@canopy/transport/webrtc";
import { describe, expect, it } from "vitest";
import { chooseMedia } from "./choose-media.ts";

const TRANSPORT = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const FINGERPRINT = Array(32).fill("AB").join(":");

interface Section {
  readonly kind: "audio" | "video";
  readonly direction?: string;
  readonly types: string;
  readonly lines: readonly string[];
}

/** The offer of a browser, as far as it matters here. */
function offer(...sections: readonly Section[]) {
  const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"];
  lines.push(`a=group:BUNDLE ${sections.map((_, index) => index).join(" ")}`);
  for (const [index, { kind, direction, types, lines: own }] of sections.entries()) {
    lines.push(`m=${kind} 9 UDP/TLS/RTP/SAVPF ${types}`, "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd");
    lines.push(
      "a=ice-pwd:abcdefghijklmnopqrstuvwx",
      `a=fingerprint:sha-256 ${FINGERPRINT}`,
      "a=setup:actpass",
    );
    lines.push(`a=mid:${index}`, `a=${direction ?? "sendonly"}`, "a=rtcp-mux", ...own);
  }
  return parseOffer(`${lines.join("\r\n")}\r\n`);
}

const H264: Section = {
  kind: "video",
  types: "96 97 98 99 100",
  lines: [
    `a=extmap:3 ${TRANSPORT}`,
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:5 urn:3gpp:video-orientation",
    "a=rtpmap:96 VP8/90000",
    "a=rtpmap:97 H264/90000",
    "a=fmtp:97 profile-level-id=42e01f;packetization-mode=0",
    "a=rtpmap:98 H264/90000",
    "a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f;sprop-parameter-sets=Z2QAH6zZQA==,aOvjyyLA",
    "a=rtpmap:99 rtx/90000",
    "a=fmtp:99 apt=98",
    "a=rtpmap:100 H264/90000",
    "a=fmtp:100 packetization-mode=2",
    "a=rtcp-fb:* nack",
    "a=rtcp-fb:98 nack pli",
    "a=rtcp-fb:98 ccm fir",
    "a=rtcp-fb:98 goog-remb",
    "a=rtcp-fb:98 transport-cc",
    "a=ssrc:1234 cname:x",
  ],
};

const OPUS: Section = {
  kind: "audio",
  types: "63 111 0",
  lines: [
    `a=extmap:3 ${TRANSPORT}`,
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
    "a=fmtp:63 111/111",
  ],
};

const choose = (...sections: readonly Section[]) => chooseMedia(offer(...sections), { maxVideoKbps: 4_000 });

function problemOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return `${error.status} ${error.detail}`;
  }
}

describe("chooseMedia", () => {
  it("answers one H.264 of packetization mode 1 and Opus, with what it makes use of", () => {
    const { plan, video, audio, bandwidth } = choose(H264, OPUS);
    expect(bandwidth).toBe("transport-cc");
    expect(video).toMatchObject({
      mid: "0",
      payloadType: 98,
      ssrcs: [1234],
      canRepeat: true,
      keyframeRequest: "pli",
      rids: [],
      transportExtension: 3,
    });
    expect(video?.parameterSets.map(({ length }) => length)).toEqual([7, 6]);
    expect(audio).toMatchObject({ mid: "1", payloadType: 111, redundantType: 63, canRepeat: false });
    const [answeredVideo, answeredAudio] = plan.media;
    expect(answeredVideo).toMatchObject({ direction: "recvonly", maxKbps: 4_000 });
    expect(answeredVideo?.codecs.map(({ payloadType }) => payloadType)).toEqual([98, 99]);
    expect(video?.repair).toMatchObject({ payloadType: 99, ridExtension: 0 });
    expect([...(answeredVideo?.codecs[0]?.parameters.keys() ?? [])].sort()).toEqual([
      "level-asymmetry-allowed",
      "packetization-mode",
      "profile-level-id",
    ]);
    expect(answeredVideo?.extensions?.map(({ id }) => id)).toEqual([3, 4]);
    expect(answeredAudio?.codecs.map(({ payloadType }) => payloadType)).toEqual([111, 63]);
    expect(answeredAudio?.codecs[0]?.feedback).toEqual(["transport-cc"]);
  });

  it("takes packetization mode 0 where there is nothing else, and keyframe requests by FIR", () => {
    const lines = ["a=rtpmap:97 H264/90000", "a=rtcp-fb:97 ccm fir", "a=rtcp-fb:97 goog-remb"];
    const { video, bandwidth } = choose({ kind: "video", types: "97", lines });
    expect(video).toMatchObject({ payloadType: 97, keyframeRequest: "fir", canRepeat: false });
    expect(bandwidth).toBe("remb");
  });

  it("takes sound alone or a picture alone, and leaves out what is only received", () => {
    expect(choose(OPUS)).toMatchObject({ video: undefined, audio: { mid: "0" } });
    expect(choose(H264)).toMatchObject({ video: { mid: "0" }, audio: undefined });
    const { plan } = choose({ ...H264, direction: "recvonly" }, OPUS, H264);
    expect(plan.media.map(({ mid }) => mid)).toEqual(["2", "1"]);
  });

  it("uses feedback for bandwidth that all sections have", () => {
    const bare = { ...OPUS, lines: ["a=rtpmap:111 opus/48000/2"] };
    const { bandwidth, plan } = choose(H264, bare);
    expect(bandwidth).toBe("remb");
    expect(plan.media[0]?.codecs[0]?.feedback).not.toContain("transport-cc");
    expect(plan.media[0]?.extensions?.map(({ uri }) => uri)).not.toContain(TRANSPORT);
  });

  it("takes simulcast layers by their names", () => {
    const rids = ["a=rid:h send", "a=rid:q send", "a=rid:f send", "a=simulcast:send q;h;f"];
    const lines = [...H264.lines, "a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", ...rids];
    const { plan, video } = choose({ ...H264, lines });
    expect(video).toMatchObject({ rids: ["q", "h", "f"], ridExtension: 7 });
    expect(plan.media[0]?.rids).toEqual(["q", "h", "f"]);
    expect(choose({ ...H264, lines: [...H264.lines, ...rids] }).video?.rids).toEqual([]);
  });

  it("refuses with 422 what it cannot take, and names the codecs", () => {
    const vp8 = { ...H264, types: "96", lines: ["a=rtpmap:96 VP8/90000"] };
    expect(problemOf(() => choose(vp8, OPUS))).toMatch(/^422 The video codecs of the offer \(vp8\)/);
    const pcmu = { ...OPUS, types: "0", lines: [] };
    expect(problemOf(() => choose(pcmu))).toMatch(/^422 The audio codecs of the offer \(pcmu\).*send Opus/);
    expect(problemOf(() => choose({ ...H264, direction: "inactive" }))).toMatch(
      /^422 The offer sends neither/,
    );
  });
});
