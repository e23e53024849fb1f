import { describe, expect, it } from "vitest";
import { ReceiveStats } from "./receive-stats.ts";

const VIDEO = {
  type: "inbound-rtp",
  id: "V",
  kind: "video",
  codecId: "CV",
  bytesReceived: 1_000,
  packetsLost: 2,
  jitter: 0.004,
  framesDecoded: 10,
  framesDropped: 1,
  freezeCount: 0,
  jitterBufferDelay: 0.5,
  jitterBufferMinimumDelay: 0.25,
  jitterBufferEmittedCount: 10,
};
const AUDIO = {
  type: "inbound-rtp",
  id: "A",
  kind: "audio",
  codecId: "CA",
  bytesReceived: 100,
  packetsLost: -1,
  audioLevel: 0.25,
  concealmentEvents: 3,
};
const CODECS = [
  {
    type: "codec",
    id: "CV",
    mimeType: "video/H264",
    sdpFmtpLine: "packetization-mode=1;profile-level-id=42E01F",
  },
  { type: "codec", id: "CA", mimeType: "audio/opus" },
];
const PAIRS = [
  { type: "candidate-pair", id: "P1", nominated: false, state: "succeeded", currentRoundTripTime: 9 },
  { type: "candidate-pair", id: "P2", nominated: true, state: "succeeded", currentRoundTripTime: 0.02 },
];

describe("ReceiveStats", () => {
  it("sums both kinds and names codecs as WebCodecs does", () => {
    const figures = new ReceiveStats().update([VIDEO, AUDIO, ...CODECS, ...PAIRS]);
    expect(figures).toEqual({
      rttMs: 20,
      receivedBytes: 1_100,
      lostPackets: 2,
      jitterMs: 4,
      bufferMs: 50,
      held: { video: { bufferMs: 50, minimumMs: 25 }, audio: undefined },
      decodedFrames: 10,
      droppedFrames: 1,
      freezes: 0,
      audioPeak: 0.25,
      audioUnderruns: 3,
      videoCodec: "avc1.42e01f",
      audioCodec: "opus",
    });
  });

  it("takes the buffer's mean since the last time, and keeps it while no frame comes", () => {
    const stats = new ReceiveStats();
    stats.update([VIDEO]);
    const later = {
      ...VIDEO,
      jitterBufferDelay: 1.5,
      jitterBufferMinimumDelay: 0.75,
      jitterBufferEmittedCount: 20,
    };
    expect(stats.update([later])).toMatchObject({ held: { video: { bufferMs: 100, minimumMs: 50 } } });
    expect(stats.update([later])).toMatchObject({ bufferMs: 100, held: { video: undefined } });
  });

  it("does without whatever a browser leaves out", () => {
    const figures = new ReceiveStats().update([{ type: "inbound-rtp", id: "V", kind: "video" }]);
    expect(figures).toMatchObject({ rttMs: 0, bufferMs: 0, videoCodec: undefined });
  });
});
