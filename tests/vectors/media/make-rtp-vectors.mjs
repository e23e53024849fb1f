// Makes the RTP and RTCP vectors with other implementations than ours: ffmpeg's RTP muxer sends a stream of x264, and
// werift-rtp writes RTP headers and RTCP. `npm install --no-save werift-rtp@0.8.9` somewhere, then
// `node tests/vectors/media/make-rtp-vectors.mjs <that folder>`.
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const here = import.meta.dirname;
const load = createRequire(join(resolve(process.argv[2] ?? "."), "x.js"));
const werift = load("werift-rtp");
// Not exported by name.
const { FullIntraRequest } = load("./node_modules/werift-rtp/lib/rtp/src/rtcp/psfb/fullIntraRequest.js");
const work = mkdtempSync(join(tmpdir(), "canopy-rtp-"));
const MAX_BYTES = 20_000;

function save(name, value) {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (text.length > MAX_BYTES) throw new Error(`${name}: ${text.length} bytes`);
  writeFileSync(join(here, `${name}.json`), text);
  console.log(name, text.length);
}

/** The datagrams that ffmpeg sends for `file` by RTP. */
async function sendByRtp(file, options) {
  const socket = createSocket("udp4");
  const packets = [];
  socket.on("message", (message) => packets.push(message.toString("hex")));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const target = `rtp://127.0.0.1:${socket.address().port}${options}`;
  const ffmpeg = spawn("ffmpeg", ["-v", "error", "-re", "-i", file, "-c", "copy", "-f", "rtp", target], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await once(ffmpeg, "exit");
  await new Promise((done) => setTimeout(done, 200));
  socket.close();
  return packets;
}

const stream = join(work, "stream.h264");
const x264 = "aud=1:keyint=3:slices=2:bframes=0";
execFileSync("ffmpeg", [
  "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30", "-frames:v", "5", "-c:v", "libx264", "-crf", "42",
  "-threads", "1", "-tune", "zerolatency", "-x264-params", x264, "-f", "h264", stream,
]);
save("rtp-h264-ffmpeg", {
  madeWith: `x264 ${x264}; ffmpeg -c copy -f rtp rtp://…?pkt_size=300`,
  annexB: readFileSync(stream).toString("hex"),
  packets: await sendByRtp(stream, "?pkt_size=300"),
});

const reports = [
  { ssrc: 0x11223344, fractionLost: 25, packetsLost: 1234, highestSequence: 0x0002fffe, jitter: 900, lsr: 0x89abcdef, dlsr: 65_536 },
  { ssrc: 0xfedcba98, fractionLost: 0, packetsLost: 0, highestSequence: 7, jitter: 0, lsr: 0, dlsr: 0 },
].map((report) => ({ report, written: new werift.RtcpReceiverInfo(report) }));
const nackLost = [65_534, 65_535, 0, 14, 15, 40, 300];
const deltas = [0, 250, 63_750, -250, 100_000, 64_000, 1_000];
const transport = new werift.TransportWideCC({
  senderSsrc: 1,
  mediaSourceSsrc: 0x11223344,
  baseSequenceNumber: 65_530,
  packetStatusCount: 24,
  referenceTime: 16_000,
  fbPktCount: 200,
  packetChunks: [
    new werift.StatusVectorChunk({ type: 1, symbolSize: 1, symbolList: [1, 1, 1, 2, 2, 0, 2] }),
    new werift.RunLengthChunk({ type: 0, packetStatus: 0, runLength: 16 }),
    new werift.RunLengthChunk({ type: 0, packetStatus: 1, runLength: 1 }),
  ],
  recvDeltas: deltas.map((delta) => new werift.RecvDelta({ delta })),
});
const rtcp = {
  "sender-report": new werift.RtcpSrPacket({
    ssrc: 0x11223344,
    senderInfo: new werift.RtcpSenderInfo({ ntpTimestamp: (0xec7a_0001n << 32n) | 0x8000_0000n, rtpTimestamp: 4_000_000_000, packetCount: 77, octetCount: 88_000 }),
    reports: reports.slice(0, 1).map(({ written }) => written),
  }),
  "receiver-report": new werift.RtcpRrPacket({ ssrc: 9, reports: reports.map(({ written }) => written) }),
  "source-description": new werift.RtcpSourceDescriptionPacket({
    chunks: [new werift.SourceDescriptionChunk({ source: 0x11223344, items: [new werift.SourceDescriptionItem({ type: 1, text: "canopy@example" })] })],
  }),
  nack: new werift.RtcpTransportLayerFeedback({ feedback: new werift.GenericNack({ senderSsrc: 1, mediaSourceSsrc: 0x11223344, lost: nackLost }) }),
  "transport-feedback": new werift.RtcpTransportLayerFeedback({ feedback: transport }),
  pli: new werift.RtcpPayloadSpecificFeedback({ feedback: new werift.PictureLossIndication({ senderSsrc: 1, mediaSsrc: 0x11223344 }) }),
  fir: new werift.RtcpPayloadSpecificFeedback({
    feedback: new FullIntraRequest({ senderSsrc: 1, mediaSsrc: 0, fir: [{ ssrc: 0x11223344, sequenceNumber: 5 }] }),
  }),
  remb: new werift.RtcpPayloadSpecificFeedback({
    feedback: new werift.ReceiverEstimatedMaxBitrate({ senderSsrc: 1, mediaSsrc: 0, ssrcNum: 2, brExp: 4, brMantissa: 156_250, ssrcFeedbacks: [0x11223344, 5] }),
  }),
};
const block = ({ packetsLost, lsr, dlsr, ...same }) => ({ ...same, cumulativeLost: packetsLost, lastSenderReport: lsr, delaySinceLastSenderReport: dlsr });
const blocks = reports.map(({ report }) => block(report));
const media = { senderSsrc: 1, mediaSsrc: 0x11223344 };
let at = 0;
const arrivals = deltas.map((delta) => (at += delta));
const expected = {
  "sender-report": { ssrc: 0x11223344, ntpSeconds: 0xec7a_0001, ntpFraction: 0x8000_0000, rtpTimestamp: 4_000_000_000, packets: 77, octets: 88_000, reports: blocks.slice(0, 1) },
  "receiver-report": { ssrc: 9, reports: blocks },
  "source-description": { chunks: [{ ssrc: 0x11223344, cname: "canopy@example" }] },
  nack: { ...media, sequences: nackLost },
  "transport-feedback": {
    ...media, baseSequence: 65_530, feedbackCount: 200, referenceTimeMs: 16_000 * 64,
    // null: not received.
    arrivalsUs: [...arrivals.slice(0, 5), null, arrivals[5], ...Array(16).fill(null), arrivals[6]],
  },
  pli: media,
  fir: { senderSsrc: 1, requests: [{ ssrc: 0x11223344, sequence: 5 }] },
  remb: { senderSsrc: 1, bitsPerSecond: 2_500_000, ssrcs: [0x11223344, 5] },
};
save("rtcp", {
  madeWith: "werift-rtp 0.8.9",
  packets: Object.entries(rtcp).map(([kind, packet]) => {
    const bytes = packet.serialize();
    // werift-rtp writes a length of one word too few into a FIR.
    bytes.writeUInt16BE(bytes.length / 4 - 1, 2);
    return { kind, hex: bytes.toString("hex"), expected: expected[kind] };
  }),
});

const header = (more) => new werift.RtpHeader({ payloadType: 96, sequenceNumber: 65_535, timestamp: 4_294_967_295, ssrc: 0x89abcdef, marker: true, ...more });
const rtp = (more, padding = false) => new werift.RtpPacket(header({ ...more, padding, paddingSize: padding ? 4 : 0 }), Buffer.from("payload")).serialize().toString("hex");
save("rtp-headers", {
  madeWith: "werift-rtp 0.8.9",
  packets: [
    { name: "plain", hex: rtp({}), extensions: [] },
    { name: "contributing sources", hex: rtp({ csrc: [1, 2, 3], csrcLength: 3 }), extensions: [] },
    {
      name: "one-byte extensions",
      hex: rtp({ extension: true, extensionProfile: 0xbede, extensions: [{ id: 3, payload: Buffer.from("0102", "hex") }, { id: 10, payload: Buffer.from("hi") }] }),
      extensions: [{ id: 3, hex: "0102" }, { id: 10, hex: "6869" }],
    },
    {
      name: "two-byte extensions",
      hex: rtp({ extension: true, extensionProfile: 0x1000, extensions: [{ id: 20, payload: Buffer.from("video-q") }, { id: 3, payload: Buffer.from("0102", "hex") }] }),
      extensions: [{ id: 20, hex: Buffer.from("video-q").toString("hex") }, { id: 3, hex: "0102" }],
    },
    { name: "padding", hex: rtp({}, true), extensions: [] },
  ],
});
rmSync(work, { recursive: true });
