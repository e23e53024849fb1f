import { describe, expect, it } from "vitest";
import { iceCredentials, restartedAnswer, trickleFragment } from "./sdp-fragment.ts";

const SDP = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0 1",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=ice-ufrag:old",
  "a=ice-pwd:oldoldoldoldoldoldoldold",
  "a=mid:0",
  "a=candidate:1 1 UDP 1 10.0.0.1 1000 typ host",
  "a=end-of-candidates",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=ice-ufrag:old",
  "a=ice-pwd:oldoldoldoldoldoldoldold",
  "a=mid:1",
  "",
].join("\r\n");

describe("trickleFragment", () => {
  it("names credentials, the bundling section and its candidates", () => {
    const candidates = [
      { candidate: "candidate:7 1 UDP 5 192.0.2.1 7 typ host", mid: "0" },
      { candidate: "candidate:8 1 UDP 5 192.0.2.1 8 typ host", mid: "1" },
    ];
    expect(trickleFragment(SDP, candidates, true)).toBe(
      [
        "a=ice-ufrag:old",
        "a=ice-pwd:oldoldoldoldoldoldoldold",
        "m=video 9 UDP/TLS/RTP/SAVPF 0",
        "a=mid:0",
        "a=candidate:7 1 UDP 5 192.0.2.1 7 typ host",
        "a=end-of-candidates",
        "",
      ].join("\r\n"),
    );
  });

  it("is not made of a description without credentials", () => {
    expect(trickleFragment("v=0\r\n", [], false)).toBeUndefined();
  });
});

describe("restartedAnswer", () => {
  it("puts new credentials into every section, and new candidates into the first in place of the old", () => {
    const fragment =
      "a=ice-ufrag:new\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:2 1 UDP 1 10.0.0.2 2000 typ host\r\n";
    const lines = restartedAnswer(SDP, fragment)?.split("\r\n") ?? [];
    expect(lines.filter((line) => line === "a=ice-ufrag:new")).toHaveLength(2);
    expect(lines.filter((line) => line.includes("old"))).toEqual([]);
    expect(lines.filter((line) => line.startsWith("a=candidate"))).toEqual([
      "a=candidate:2 1 UDP 1 10.0.0.2 2000 typ host",
    ]);
    expect(lines.indexOf("a=candidate:2 1 UDP 1 10.0.0.2 2000 typ host")).toBeLessThan(
      lines.findIndex((line) => line.startsWith("m=audio")),
    );
  });

  it("is not made of a fragment without credentials", () => {
    expect(restartedAnswer(SDP, "a=candidate:1 1 UDP 1 10.0.0.1 1 typ host\r\n")).toBeUndefined();
  });
});

describe("iceCredentials", () => {
  it("reads both or nothing", () => {
    expect(iceCredentials("a=ice-ufrag:u\r\na=ice-pwd:p\r\n")).toEqual({ ufrag: "u", pwd: "p" });
    expect(iceCredentials("a=ice-ufrag:u\r\n")).toBeUndefined();
  });
});
