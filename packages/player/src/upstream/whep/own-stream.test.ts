import { describe, expect, it } from "vitest";
import { inOwnStream } from "./own-stream.ts";

describe("inOwnStream", () => {
  it("renames the stream of one section alone", () => {
    const section = (mid: string, kind: string): string =>
      [`m=${kind} 9 X 1`, `a=mid:${mid}`, `a=msid:canopy ${kind}`, `a=ssrc:7 msid:canopy ${kind}`, ""].join(
        "\r\n",
      );
    const sdp = `v=0\r\n${section("0", "video")}${section("1", "audio")}`;
    const changed = inOwnStream(sdp, "1");
    expect(changed).toBe(
      `v=0\r\n${section("0", "video")}${section("1", "audio").replaceAll("msid:canopy", "msid:canopy-own")}`,
    );
    expect(inOwnStream(sdp, "2")).toBe(sdp);
  });
});
