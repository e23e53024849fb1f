import { describe, expect, it } from "vitest";
import { WebRtcError } from "../webrtc-error.ts";
import { parseCandidate } from "./parse-candidate.ts";
import { parseFragment } from "./parse-fragment.ts";
import { parseOffer } from "./parse-offer.ts";
import { writeAnswer } from "./write-answer.ts";

const FINGERPRINT = Array.from({ length: 32 }, (_value, index) =>
  (index + 16).toString(16).toUpperCase(),
).join(":");

/** As Chromium writes it for a viewer, shortened. */
const OFFER = [
  "v=0",
  "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0 1 2",
  "a=extmap-allow-mixed",
  "a=msid-semantic: WMS",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 35",
  "c=IN IP4 0.0.0.0",
  "a=rtcp:9 IN IP4 0.0.0.0",
  "a=candidate:1 1 udp 2113937151 0f3b1b8a-6d14-4a55-a0a8-6b6e9c3e5b55.local 51472 typ host generation 0",
  "a=candidate:2 1 udp 2113937150 192.0.2.1 51473 typ host generation 0 network-cost 999",
  "a=ice-ufrag:lBrb",
  "a=ice-pwd:oI3O9mmV3KtBlEJ4K6cVjZGD",
  "a=ice-options:trickle",
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  "a=setup:actpass",
  "a=mid:0",
  "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  "a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid",
  "a=recvonly",
  "a=rtcp-mux",
  "a=rtcp-rsize",
  "a=rtpmap:96 VP8/90000",
  "a=rtcp-fb:96 nack pli",
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=rtpmap:103 H264/90000",
  "a=rtcp-fb:103 goog-remb",
  "a=rtcp-fb:103 nack",
  "a=rtcp-fb:103 nack pli",
  "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
  "a=rtpmap:104 rtx/90000",
  "a=fmtp:104 apt=103",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0",
  "c=IN IP4 0.0.0.0",
  "a=mid:1",
  "a=recvonly",
  "a=rtcp-mux",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10;useinbandfec=1",
  "a=rtpmap:63 red/48000/2",
  "a=fmtp:63 111/111",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "c=IN IP4 0.0.0.0",
  "a=mid:2",
  "a=sctp-port:5000",
  "",
].join("\r\n");

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof WebRtcError) return error.code;
    throw error;
  }
  return "none";
}

describe("parseOffer", () => {
  it("reads what a browser offers", () => {
    const offer = parseOffer(OFFER);
    expect(offer.ice).toEqual({ ufrag: "lBrb", password: "oI3O9mmV3KtBlEJ4K6cVjZGD" });
    expect(offer.fingerprint).toEqual({ algorithm: "sha-256", value: FINGERPRINT });
    expect(offer.media.map(({ mid, kind, direction, usable }) => [mid, kind, direction, usable])).toEqual([
      ["0", "video", "recvonly", true],
      ["1", "audio", "recvonly", true],
      ["2", "application", "sendrecv", true],
    ]);
    const h264 = offer.media[0]?.codecs.find(({ name }) => name === "h264");
    expect(h264?.parameters.get("profile-level-id")).toBe("42001f");
    expect(h264?.feedback).toEqual(["goog-remb", "nack", "nack pli"]);
    expect(offer.media[0]?.extensions.map(({ id }) => id)).toEqual([2, 4]);
    expect(offer.media[1]?.codecs.map(({ name }) => name)).toEqual(["opus", "red", "pcmu"]);
    expect(offer.media[1]?.codecs[1]?.parameters.get("")).toBe("111/111");
  });

  it("leaves out candidates that are names", () => {
    expect(parseOffer(OFFER).candidates).toEqual(["candidate:2 1 UDP 2113937150 192.0.2.1 51473 typ host"]);
  });

  it("reads simulcast layers in their order and sources without those of retransmission", () => {
    const offer = parseOffer(
      OFFER.replace(
        "a=recvonly\r\na=rtcp-mux",
        [
          "a=sendonly",
          "a=rtcp-mux",
          "a=rid:h send",
          "a=rid:l send",
          "a=simulcast:send l;~h",
          "a=ssrc:11 cname:x",
          "a=ssrc:12 cname:x",
          "a=ssrc-group:FID 11 12",
        ].join("\r\n"),
      ),
    );
    expect(offer.media[0]?.rids.map(({ id }) => id)).toEqual(["l", "h"]);
    expect(offer.media[0]?.ssrcs).toEqual([11]);
    expect([...(offer.media[0]?.rtxSsrcs ?? [])]).toEqual([[12, 11]]);
  });

  it("marks sections outside the bundle as unusable", () => {
    const offer = parseOffer(OFFER.replace("BUNDLE 0 1 2", "BUNDLE 0 2"));
    expect(offer.media.map(({ usable }) => usable)).toEqual([true, false, true]);
  });

  it("takes the first section alone when nothing is grouped", () => {
    const offer = parseOffer(OFFER.replace("a=group:BUNDLE 0 1 2\r\n", ""));
    expect(offer.media.map(({ usable }) => usable)).toEqual([true, false, false]);
    expect(offer.bundle).toEqual([]);
  });

  it.each([
    ["nothing", ""],
    ["something else", "hello"],
    ["no media", OFFER.slice(0, OFFER.indexOf("m=video"))],
    ["no credentials", OFFER.replace(/a=ice-pwd.*\r\n/, "")],
    ["a short password", OFFER.replace(/a=ice-pwd:.*/, "a=ice-pwd:short")],
    ["a line break in a password", OFFER.replace(/a=ice-pwd:.*/, "a=ice-pwd:oI3O9mmV3KtBlEJ4K6c\u0000VjZGD")],
    ["no fingerprint", OFFER.replace(/a=fingerprint.*\r\n/, "")],
    ["only a SHA-1 fingerprint", OFFER.replace(/sha-256 .*/, `sha-1 ${FINGERPRINT.slice(0, 59)}`)],
    ["a fingerprint of the wrong length", OFFER.replace(FINGERPRINT, FINGERPRINT.slice(3))],
    ["two sections with one mid", OFFER.replace("a=mid:1", "a=mid:0")],
    ["a bundle of nobody", OFFER.replace("BUNDLE 0 1 2", "BUNDLE 9")],
    ["an unknown kind of media", OFFER.replace("m=audio", "m=text")],
    ["a payload type out of range", OFFER.replace("a=rtpmap:96", "a=rtpmap:960")],
    ["a malformed candidate", OFFER.replace("192.0.2.1 51473", "192.0.2.1 notaport")],
    ["a million lines", `v=0\r\n${"a=x\r\n".repeat(5_000)}`],
    ["a very long line", `v=0\r\na=${"x".repeat(200_000)}`],
    ["forty sections", `${OFFER}${"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(40)}`],
  ])("refuses %s", (_what, sdp) => {
    expect(codeOf(() => parseOffer(sdp))).toMatch(/^(sdp|candidate)-malformed$/);
  });

  it("throws nothing but its own errors on changed offers", () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 3_000; round += 1) {
      const at = random(OFFER.length);
      const cut = random(40);
      const changed =
        OFFER.slice(0, at) + String.fromCharCode(random(256)).repeat(random(4)) + OFFER.slice(at + cut);
      expect(codeOf(() => parseOffer(changed))).toMatch(/^(none|sdp-malformed|candidate-malformed)$/);
    }
  });
});

describe("writeAnswer", () => {
  it("answers every section in its place, and refuses those that are not in the plan", () => {
    const offer = parseOffer(OFFER);
    const h264 = offer.media[0]?.codecs.filter(({ name }) => name === "h264") ?? [];
    const sdp = writeAnswer(
      offer,
      {
        dataChannels: true,
        media: [
          {
            mid: "0",
            direction: "sendonly",
            codecs: h264,
            send: { ssrc: 7, cname: "c", streamId: "s", mediaClockOffset: 42 },
          },
        ],
      },
      {
        ufrag: "abcd",
        password: "p".repeat(24),
        fingerprint: `sha-256 ${FINGERPRINT}`,
        setup: "passive",
        candidates: ["candidate:1 1 UDP 1 127.0.0.1 5443 typ host"],
        maxMessageBytes: 16_384,
        sessionId: "1",
      },
    );
    expect(
      sdp.match(/^[mo]=.*|^a=(group|mid|setup|sendonly|inactive|rtcp-fb|mediaclk|candidate).*/gm),
    ).toEqual([
      "o=- 1 1 IN IP4 127.0.0.1",
      "a=group:BUNDLE 0 2",
      "m=video 9 UDP/TLS/RTP/SAVPF 103",
      "a=setup:passive",
      "a=mid:0",
      "a=sendonly",
      "a=rtcp-fb:103 goog-remb",
      "a=rtcp-fb:103 nack",
      "a=rtcp-fb:103 nack pli",
      "a=mediaclk:direct=42",
      "a=candidate:1 1 UDP 1 127.0.0.1 5443 typ host",
      "m=audio 0 UDP/TLS/RTP/SAVPF 111 63 0",
      "a=inactive",
      "a=mid:1",
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
      "a=setup:passive",
      "a=mid:2",
    ]);
  });
});

describe("parseCandidate", () => {
  it.each([
    ["candidate:1 1 udp 1 ::1 9000 typ host ufrag abcd", "candidate:1 1 UDP 1 ::1 9000 typ host"],
    ["candidate:1 2 udp 1 10.0.0.1 9000 typ host", undefined],
    ["candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active", undefined],
    ["candidate:1 1 udp 1 evil.example 9000 typ host", undefined],
  ])("takes what can be used: %s", (text, expected) => {
    expect(parseCandidate(text)).toBe(expected);
  });

  it("refuses what is no candidate", () => {
    for (const text of [
      "",
      "x",
      "candidate:1 1 udp 99999999999 1.2.3.4 1 typ host",
      "candidate:1 1 udp 1 1.2.3.4 1 typ odd",
    ])
      expect(codeOf(() => parseCandidate(text))).toBe("candidate-malformed");
  });
});

describe("parseFragment", () => {
  it("reads trickled candidates", () => {
    const fragment = parseFragment(
      "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n",
    );
    expect(fragment).toEqual({
      ufrag: "EsAw",
      password: "P2uYro0UCOQ4zxjKXaWCBui1",
      candidates: ["1 1 udp 1 192.0.2.1 9 typ host"],
      endOfCandidates: true,
    });
  });

  it("refuses a fragment that says nothing", () => {
    for (const text of ["", "a=mid:0\r\n", "hello", "a=ice-ufrag:x\r\n"])
      expect(codeOf(() => parseFragment(text))).toBe("sdp-malformed");
  });
});
