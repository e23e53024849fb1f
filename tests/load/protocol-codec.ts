// What the wire costs per frame: decoding a group stream in packets, encoding, and writing to a subscriber.
import { encodeFrame, FrameReader, framePayload, type WireFrame } from "@canopy/protocol";
import { report } from "./report.ts";

const FRAMES_PER_GROUP = 60;
const PACKET_BYTES = 1200;
const TIMESTAMP_US = 1_800_000_000_000_000;
const ROUNDS = 9;

function groupOf(payloadBytes: number): WireFrame[] {
  const frames: WireFrame[] = [];
  const payload = new Uint8Array(payloadBytes).fill(7);
  let previous = 0;
  for (let index = 0; index < FRAMES_PER_GROUP; index++) {
    const timestamp = TIMESTAMP_US + index * 33_333;
    frames.push(encodeFrame(timestamp, previous, payload));
    previous = timestamp;
  }
  return frames;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

function inPackets(bytes: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += PACKET_BYTES) {
    packets.push(bytes.subarray(offset, offset + PACKET_BYTES));
  }
  return packets;
}

/** Median nanoseconds per frame of `run`, which handles one group. */
function measure(groups: number, run: () => void): number {
  const results: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let index = 0; index < groups; index++) {
      run();
    }
    results.push(Number(process.hrtime.bigint() - start) / (groups * FRAMES_PER_GROUP));
  }
  return results.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}

const rows = [200, 1_000, 6_250, 60_000].map((payloadBytes) => {
  const groups = Math.max(20, Math.min(2_000, Math.floor(20_000_000 / (payloadBytes * FRAMES_PER_GROUP))));
  const frames = groupOf(payloadBytes);
  const payload = framePayload(frames[0] ?? encodeFrame(0, 0, new Uint8Array(payloadBytes)));
  const decode = (packets: readonly Uint8Array[], timestamps: boolean) => () => {
    let seen = 0;
    const options = { timestamps, maxFrameBytes: 16 * 1024 * 1024, stampTimestamp: () => TIMESTAMP_US };
    const reader = new FrameReader(options, () => seen++);
    for (const packet of packets) {
      reader.push(packet);
    }
    if (seen !== FRAMES_PER_GROUP) {
      throw new Error(`${seen} frames were decoded`);
    }
  };
  let written = 0;
  const lite05 = joined(frames.map((frame) => frame.wire));
  const lite04 = joined(frames.map((frame) => frame.wire.subarray(frame.sizeOffset)));
  return {
    "payload bytes": payloadBytes,
    "decode lite-05 ns/frame": measure(groups, decode(inPackets(lite05), true)),
    "decode whole ns/frame": measure(groups, decode([lite05], true)),
    "decode lite-04 ns/frame": measure(groups, decode(inPackets(lite04), false)),
    "encode ns/frame": measure(groups, () => {
      for (let index = 0; index < FRAMES_PER_GROUP; index++) {
        written += encodeFrame(TIMESTAMP_US + index, TIMESTAMP_US, payload).wire.length;
      }
    }),
    "view for lite-04 ns/frame": measure(groups, () => {
      for (const frame of frames) {
        written += frame.wire.subarray(frame.sizeOffset).length;
      }
    }),
    checksum: written % 1000,
  };
});

report("protocol-codec", rows, {
  packetBytes: PACKET_BYTES,
  framesPerGroup: FRAMES_PER_GROUP,
  rounds: ROUNDS,
});
