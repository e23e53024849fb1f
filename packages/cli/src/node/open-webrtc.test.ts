import { describe, expect, it } from "vitest";
import { parseIceServers } from "./open-webrtc.ts";

describe("parseIceServers", () => {
  it("takes STUN servers, and TURN servers with what they are used with", () => {
    expect(
      parseIceServers([
        "stun:stun.example.com",
        "turn:alice:s3cret@turn.example.com:3478?transport=udp",
        "turns:alice:s3cret@[2001:db8::1]:5349",
      ]),
    ).toEqual([
      { url: "stun:stun.example.com" },
      { url: "turn:turn.example.com:3478?transport=udp", username: "alice", credential: "s3cret" },
      { url: "turns:[2001:db8::1]:5349", username: "alice", credential: "s3cret" },
    ]);
  });

  it("refuses anything else, without showing a secret", () => {
    for (const text of ["turn:turn.example.com", "http://x", "stun:", "turn:alice:s3cret@", "stun:a b"]) {
      expect(() => parseIceServers([text])).toThrow(
        expect.objectContaining({ code: "config-invalid", message: expect.not.stringContaining("s3cret@") }),
      );
    }
  });
});
