import { describe, expect, it } from "vitest";
import { maskRtmpUrl, parseRtmpUrl, withoutStreamKey } from "./rtmp-url.ts";

describe("parseRtmpUrl", () => {
  it("sends the query along with the stream name, as encoders do", () => {
    expect(parseRtmpUrl("rtmp://127.0.0.1:1936/live/demo?jwt=abc")).toEqual({
      secure: false,
      host: "127.0.0.1",
      port: 1936,
      app: "live",
      tcUrl: "rtmp://127.0.0.1:1936/live/demo",
      streamName: "demo?jwt=abc",
    });
  });

  it("keeps deeper paths in the stream name, and knows the usual ports", () => {
    expect(parseRtmpUrl("rtmp://host/live/room/7")).toMatchObject({ streamName: "room/7", port: 1935 });
    expect(parseRtmpUrl("rtmps://[::1]/live/x")).toMatchObject({ host: "::1", port: 443, secure: true });
  });

  it.each(["rtmp://host/live", "http://host/live/x", "file:///live/x", "x", "rtmp://me:pass@host/live/x"])(
    "refuses %s",
    (url) => {
      expect(() => parseRtmpUrl(url)).toThrow(expect.objectContaining({ code: "bad-target" }));
    },
  );
});

describe("maskRtmpUrl", () => {
  it("shows the end of a long stream key, nothing of a short one, and no query", () => {
    expect(maskRtmpUrl("rtmps://live.example/app/abcd-efgh-ijkl-mnop?x=1")).toBe(
      "rtmps://live.example/app/…mnop",
    );
    expect(maskRtmpUrl("rtmp://live.example/live/secret")).toBe("rtmp://live.example/live/…");
  });
});

describe("withoutStreamKey", () => {
  it("takes the key out of a server's words", () => {
    expect(withoutStreamKey("Stream key-123 is busy (t=9)", "rtmp://h/live/key-123?t=9")).toBe(
      "Stream … is busy (…)",
    );
  });
});
