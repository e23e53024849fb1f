// Makes canopy-forms.json: timed messages as SEI and legacy frames, written the long way from the specifications and
// without any code of the packages, so that other implementations can check themselves with it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const UUID = Buffer.from("c0a09f005e1d4b1a9c3a7a11ed5e1000", "hex");

/** ISO/IEC 14496-10 §7.3.2.3.1: type and size as runs of ff, then the payload. */
const sei = (type, payload) => {
  const run = (value) => [...Array(Math.floor(value / 255)).fill(255), value % 255];
  return Buffer.from([...run(type), ...run(payload.length), ...payload]);
};

/** §7.4.1: 00 00 0x becomes 00 00 03 0x for x of 0 to 3. */
const escape = (bytes) => {
  const out = [];
  for (const byte of bytes) {
    if (byte <= 3 && out.at(-1) === 0 && out.at(-2) === 0) out.push(3);
    out.push(byte);
  }
  return Buffer.from(out);
};

/** RFC 9000 §16, the shortest form. */
const varint = (value) => {
  const exponent = [6n, 14n, 30n, 62n].findIndex((bits) => BigInt(value) < 1n << bits);
  const size = 1 << exponent;
  const bytes = Buffer.from(BigInt(value).toString(16).padStart(size * 2, "0"), "hex");
  bytes[0] |= exponent << 6;
  return bytes;
};

const at = 1_764_000_000_123_456;
const messages = [
  { v: 1, id: "01JD3Z5Q8Y7X6W5V4T3S2R1Q0P", type: "quiz", at, data: { question: "2 + 2?", options: ["3", "4"] } },
  { v: 1, id: "01JD3Z5Q8Y7X6W5V4T3S2R1Q0Q", type: "lyric", at: at + 1, data: "Über den Wolken \u{1f3b5}" },
  { v: 1, id: "01JD3Z5Q8Y7X6W5V4T3S2R1Q0R", type: "cue", at: at + 2, data: null },
  // 16 + 494 bytes fill the runs of 255 exactly; 1,024 is the limit.
  ...[494, 1024].map((bytes) => {
    const message = { v: 1, id: `size-${bytes}`, type: "cue", at, data: "" };
    message.data = "x".repeat(bytes - Buffer.byteLength(JSON.stringify(message)));
    return message;
  }),
];

const timed = messages.map((message) => {
  const json = Buffer.from(JSON.stringify(message));
  const unregistered = sei(5, Buffer.concat([UUID, json]));
  const plain = sei(243, json);
  const nal = (header, ...parts) => escape(Buffer.concat([Buffer.from(header), ...parts, Buffer.from([0x80])])).toString("hex");
  return {
    message,
    h264: nal([0x06], unregistered),
    h264AlsoPlain: nal([0x06], unregistered, plain),
    hevc: nal([0x4e, 0x01], unregistered),
  };
});

const legacyFrames = [0, 63, 64, 16_383, 16_384, 1_073_741_823, 1_073_741_824, at, Number.MAX_SAFE_INTEGER].map((timestampUs) => {
  const payload = Buffer.from([0, 0, 0, 1, 0x41, 0x9a]);
  return { timestampUs, payload: payload.toString("hex"), frame: Buffer.concat([varint(timestampUs), payload]).toString("hex") };
});

writeFileSync(join(import.meta.dirname, "canopy-forms.json"), `${JSON.stringify({ uuid: UUID.toString("hex"), timed, legacyFrames }, null, 1)}\n`);
