import { describe, expect, it } from "vitest";
import { splitRtmpUrl } from "./rtmp-publisher.ts";

describe("splitRtmpUrl", () => {
  it("sends the query along with the stream name, as encoders do", () => {
    expect(splitRtmpUrl("rtmp://127.0.0.1:1935/live/demo?jwt=abc")).toEqual({
      tcUrl: "rtmp://127.0.0.1:1935/live/demo",
      streamName: "demo?jwt=abc",
    });
  });

  it("keeps deeper paths in the stream name", () => {
    expect(splitRtmpUrl("rtmp://host/live/room/7").streamName).toBe("room/7");
  });

  it("refuses a URL without a stream", () => {
    expect(() => splitRtmpUrl("rtmp://host/live")).toThrow(/rtmp:/);
  });
});
