import { describe, expect, it } from "vitest";
import { orderVideoCodecs } from "./order-codecs.ts";

const h264 = (profile: string, mode: number) => ({
  mimeType: "video/H264",
  sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`,
});

describe("orderVideoCodecs", () => {
  it("puts constrained baseline with split NAL units first and leaves other codecs out", () => {
    const rtx = { mimeType: "video/rtx" };
    const codecs = [
      { mimeType: "video/VP8" },
      rtx,
      h264("42001f", 1),
      h264("42e01f", 0),
      h264("42e01f", 1),
      h264("4d001f", 1),
      { mimeType: "video/AV1", sdpFmtpLine: "profile=0" },
    ];
    expect(orderVideoCodecs(codecs)).toEqual([
      h264("42e01f", 1),
      h264("42001f", 1),
      h264("4d001f", 1),
      h264("42e01f", 0),
      rtx,
    ]);
  });

  it("leaves the list alone without H.264", () => {
    const codecs = [{ mimeType: "video/VP8" }, { mimeType: "video/rtx" }];
    expect(orderVideoCodecs(codecs)).toEqual(codecs);
  });
});
