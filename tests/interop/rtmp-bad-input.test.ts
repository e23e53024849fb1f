import { connect, type Socket } from "node:net";
import { AmfEcmaArray, encodeAudioTagBody, encodeVideoTagBody } from "@canopy/media/flv";
import { beforeAll, describe, expect, it, type TestContext } from "vitest";
import {
  audio,
  chunkHeader,
  connectCommand,
  HANDSHAKE,
  message,
  publishCommands,
  readStatuses,
  script,
  setChunkSize,
  video,
} from "../../packages/origin/src/upstream/rtmp/rtmp-sender-suite.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import type { RecordedFrame } from "../harness/record-track.ts";
import { RtmpOrigin, type RtmpOriginOptions } from "../harness/rtmp-origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const GOOD_PATH = "live/good";
const CHUNK_BYTES = 60_000;

// Making it stops this process, which the origins are in.
beforeAll(() => {
  makeClip({});
});

/** An origin with a well-behaved publisher whose frames are recorded; both end with the test. */
async function startOrigin(
  { onTestFinished }: TestContext,
  options: RtmpOriginOptions = {},
): Promise<{ origin: RtmpOrigin; good: RecordedFrame[] }> {
  const origin = await RtmpOrigin.start(options);
  onTestFinished(() => origin[Symbol.asyncDispose]());
  origin.own(publishWithFfmpeg(makeClip({}), `${origin.url}/${GOOD_PATH}`));
  await waitFor("the good publisher", () => origin.store.get(GOOD_PATH)?.track("video")?.latest);
  return { origin, good: origin.record(GOOD_PATH, "video") };
}

class BadSender implements AsyncDisposable {
  readonly socket: Socket;
  closed = false;
  readonly #received: Buffer[] = [];

  constructor(origin: RtmpOrigin) {
    this.socket = connect(origin.server.address.port, "127.0.0.1");
    this.socket.on("data", (bytes) => this.#received.push(bytes));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
    origin.own(this);
  }

  send(...pieces: Uint8Array[]): this {
    for (const piece of pieces) this.socket.write(piece);
    return this;
  }

  statuses(): { code: string; description: string; level: string }[] {
    return readStatuses(Buffer.concat(this.#received));
  }

  /** Publishes with a chunk size of 60,000 bytes, and waits until that was granted. */
  async publish(name: string): Promise<this> {
    this.send(publishCommands("live", name), setChunkSize(CHUNK_BYTES));
    await waitFor("publishing to be granted", () => this.closed || this.statuses().length > 0);
    return this;
  }

  /** Waits until the server closed, and returns the last status that it sent. */
  async farewell(timeoutMs = 10_000): Promise<{ code: string; description: string } | undefined> {
    await waitFor("the server to close the connection", () => this.closed, timeoutMs);
    return this.statuses().at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }
}

async function expectUndisturbed(good: RecordedFrame[]): Promise<void> {
  const before = good.length;
  await waitFor("the good publisher to go on", () => good.length > before + 15);
  const sequences = [...new Set(good.map((frame) => frame.group))];
  expect(sequences).toEqual(sequences.map((_, index) => (sequences[0] ?? 0) + index));
}

/** avcC with the parameter sets of a real stream, in a sequence header tag. */
const SPS = Buffer.from("6742c01edd81405005b808800000030080000019078b17cb", "hex");
const PPS = Buffer.from("68cb83cb20", "hex");
const AVC_C = Buffer.concat([
  Buffer.from([1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, SPS.length]),
  SPS,
  Buffer.from([1, 0, PPS.length]),
  PPS,
]);
const SEQUENCE_HEADER = encodeVideoTagBody({
  codec: "avc1",
  kind: "sequence-start",
  isKeyframe: true,
  data: AVC_C,
});

function videoFrame(data: Uint8Array): Uint8Array {
  return encodeVideoTagBody({ codec: "avc1", kind: "frame", isKeyframe: true, data });
}

function lengthPrefixed(announced: number, nal: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(announced);
  return Buffer.concat([length, nal]);
}

const IDR = Buffer.concat([Buffer.from([0x65, 0x88, 0x84]), Buffer.alloc(200, 0x5a)]);
const videoTag = (body: Uint8Array): Buffer => video(0, body, CHUNK_BYTES);

// Each at an origin of its own, and most of it waiting: beside each other.
describe.concurrent("RTMP publishers that send bad data", () => {
  const cases: {
    what: string;
    publish?: true;
    send: Uint8Array[];
    reason: string;
    status?: string;
    text?: string;
  }[] = [
    { what: "another protocol", send: [Buffer.from("GET / HTTP/1.1\r\n\r\n")], reason: "not-rtmp" },
    {
      what: "garbage after the handshake",
      send: [HANDSHAKE, Buffer.alloc(5_000, 0xa7)],
      reason: "chunk-order",
      status: "NetStream.Publish.Failed",
    },
    {
      what: "a giant chunk size",
      send: [publishCommands("live", "bad"), setChunkSize(0x7fff_ffff)],
      reason: "chunk-size",
      status: "NetStream.Publish.Failed",
      text: "chunk size",
    },
    {
      what: "a message of 16 MB",
      publish: true,
      send: [chunkHeader({ chunkStream: 6, type: 9, length: 0xff_ffff }, 0), Buffer.alloc(10)],
      reason: "message-too-large",
      status: "NetStream.Publish.Failed",
      text: "limit of 8388608 bytes",
    },
    {
      what: "a connect that is a pile of nested objects",
      send: [HANDSHAKE, message({}, Buffer.alloc(40_000, Buffer.from([0x03, 0x00, 0x01, 0x61])))],
      reason: "bad-command",
    },
    {
      what: "metadata that announces an array of four billion values",
      publish: true,
      send: [message({ type: 18, streamId: 1 }, Buffer.from("02000a6f6e4d657461446174610affffffff", "hex"))],
      reason: "bad-media",
      status: "NetStream.Publish.Failed",
    },
    {
      what: "H.264 without parameter sets",
      publish: true,
      send: [videoTag(videoFrame(lengthPrefixed(IDR.length, IDR)))],
      reason: "bad-media",
      text: "without its parameter sets",
    },
    {
      what: "NAL lengths that point past the end",
      publish: true,
      send: [videoTag(SEQUENCE_HEADER), videoTag(videoFrame(lengthPrefixed(5_000, IDR)))],
      reason: "bad-media",
      text: "not valid",
    },
    {
      what: "a NAL unit that says it has 20 MB",
      publish: true,
      send: [videoTag(SEQUENCE_HEADER), videoTag(videoFrame(lengthPrefixed(20_000_000, IDR)))],
      reason: "bad-media",
      text: "size limit",
    },
    {
      what: "a broken sequence header",
      publish: true,
      send: [videoTag(SEQUENCE_HEADER.subarray(0, 20))],
      reason: "bad-media",
    },
    {
      what: "HEVC",
      publish: true,
      send: [
        videoTag(encodeVideoTagBody({ codec: "hvc1", kind: "sequence-start", isKeyframe: true, data: IDR })),
      ],
      reason: "codec-unsupported",
      status: "NetStream.Publish.Rejected",
      text: "hvc1 is not supported: send H.264",
    },
    {
      what: "MP3",
      publish: true,
      send: [audio(0, Buffer.from([0x2f, 1, 2, 3]), CHUNK_BYTES)],
      reason: "codec-unsupported",
      status: "NetStream.Publish.Rejected",
      text: "send AAC or Opus",
    },
    {
      what: "AAC without its sequence header",
      publish: true,
      send: [audio(0, encodeAudioTagBody({ codec: "mp4a", kind: "frame", data: IDR }), CHUNK_BYTES)],
      reason: "bad-media",
      text: "without its sequence header",
    },
    {
      what: "a path that climbs",
      send: [HANDSHAKE, connectCommand("live"), publishCommands("live", "../x").subarray(HANDSHAKE.length)],
      reason: "bad-path",
      status: "NetStream.Publish.BadName",
    },
  ];

  it("are told so and closed, while others go on", async (context) => {
    const { origin, good } = await startOrigin(context);
    for (const { what, publish, send, reason, status, text } of cases) {
      const before = origin.rejected.get(reason) ?? 0;
      const sender = new BadSender(origin);
      if (publish) await sender.publish("bad");
      const farewell = await sender.send(...send).farewell();
      await waitFor(`the count of ${what}`, () => (origin.rejected.get(reason) ?? 0) === before + 1);
      if (status !== undefined) expect(farewell?.code, what).toBe(status);
      if (text !== undefined) expect(farewell?.description, what).toContain(text);
    }
    await expectUndisturbed(good);
  });

  it("are closed when they stop in the middle of the handshake or dribble", async (context) => {
    const { origin, good } = await startOrigin(context, {
      server: { handshakeTimeoutMs: 1_500, idleTimeoutMs: 2_000 },
    });
    const truncated = new BadSender(origin).send(HANDSHAKE.subarray(0, 700));
    const silent = new BadSender(origin);
    const dribbling = new BadSender(origin);
    const timer = setInterval(() => dribbling.send(Buffer.from([3])), 100);
    const idle = await new BadSender(origin).publish("idle");
    const alive = setInterval(() => idle.send(message({ chunkStream: 2, type: 3 }, Buffer.alloc(4))), 100);
    await Promise.all([truncated.farewell(), silent.farewell(), dribbling.farewell()]);
    await waitFor("the counts", () => origin.rejected.get("handshake-timeout") === 3);
    expect((await idle.farewell())?.description).toContain("No audio or video");
    clearInterval(timer);
    clearInterval(alive);
    await expectUndisturbed(good);
  });

  it("cannot take more memory than the bounds of a connection, however many messages they begin", async (context) => {
    const { origin, good } = await startOrigin(context);
    const before = process.memoryUsage();
    for (let round = 0; round < 20; round++) {
      const sender = await new BadSender(origin).publish(`begin-${round}`);
      for (let id = 10; id < 40; id++) {
        sender.send(
          chunkHeader({ chunkStream: id, type: 9, length: 4_000_000, streamId: 1 }, 0),
          Buffer.alloc(CHUNK_BYTES),
        );
      }
      await sender.farewell();
    }
    await waitFor("the counts", () => origin.rejected.get("buffer-full") === 20);
    // Each could hold 12 MiB; what they announced is 20 times 120 MB.
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(20 * 20e6);
    await expectUndisturbed(good);
  });

  it("do not lose their picture over a message that is too large for the timed track", async (context) => {
    const { origin } = await startOrigin(context);
    const sender = (await new BadSender(origin).publish("talk")).send(videoTag(SEQUENCE_HEADER));
    sender.send(script(["onTextData", new AmfEcmaArray({ text: "x".repeat(5_000) })], CHUNK_BYTES));
    sender.send(script(["onTextData", new AmfEcmaArray({ text: "short" })], CHUNK_BYTES));
    sender.send(videoTag(videoFrame(lengthPrefixed(IDR.length, IDR))));
    const latest = (track: string) => origin.store.get("live/talk")?.track(track)?.latest?.frames[0];
    await waitFor("the frame", () => latest("video"));
    const timed = await waitFor("the message", () => latest("timed"));
    expect(Buffer.from(timed.wire).toString("utf8")).toContain('"data":{"text":"short"}');
    expect(sender.closed).toBe(false);
  });

  it("are refused beyond the number of connections of an address", async (context) => {
    const { origin, good } = await startOrigin(context, { server: { maxConnectionsPerAddress: 3 } });
    const first = [new BadSender(origin), new BadSender(origin)];
    await waitFor("the connections", () => origin.server.connections === 3);
    await new BadSender(origin).farewell();
    expect(origin.rejected.get("too-many-sessions")).toBe(1);
    expect(first.every((sender) => !sender.closed)).toBe(true);
    await expectUndisturbed(good);
  });
});
