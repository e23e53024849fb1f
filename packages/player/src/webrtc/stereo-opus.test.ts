import { describe, expect, it } from "vitest";
import { withStereoOpus } from "./stereo-opus.ts";

const SDP = [
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10;useinbandfec=1;stereo=0",
  "a=rtpmap:63 red/48000/2",
  "a=fmtp:63 111/111",
  "",
].join("\r\n");

describe("withStereoOpus", () => {
  it("changes the parameters of Opus alone, and keeps the others of them", () => {
    expect(withStereoOpus(SDP, 96_000).split("\r\n")).toEqual([
      "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
      "a=rtpmap:111 opus/48000/2",
      "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1;maxaveragebitrate=96000",
      "a=rtpmap:63 red/48000/2",
      "a=fmtp:63 111/111",
      "",
    ]);
  });

  it("adds the parameters where there are none", () => {
    expect(withStereoOpus("a=rtpmap:111 opus/48000/2\r\na=mid:1\r\n")).toBe(
      "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=1;sprop-stereo=1\r\na=mid:1\r\n",
    );
  });

  it("leaves a description without Opus as it is", () => {
    expect(withStereoOpus("m=video 9 X 96\r\na=fmtp:96 x=1\r\n")).toBe("m=video 9 X 96\r\na=fmtp:96 x=1\r\n");
  });
});
