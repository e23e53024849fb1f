import { describe, expect, it } from "vitest";
import { DEFAULT_RTMP_LIMITS } from "./rtmp-limits.ts";
import { RtmpProtocol } from "./rtmp-protocol.ts";
import {
  audio,
  chunkHeader,
  command,
  connectCommand,
  HANDSHAKE,
  message,
  publishCommands,
  readCommands,
  readStatuses,
  setChunkSize,
  video,
} from "./rtmp-sender-suite.ts";

interface Recorded {
  readonly protocol: RtmpProtocol;
  readonly media: { kind: string; timestampMs: number; payload: string }[];
  readonly events: string[];
  output(): Buffer;
}

function record(limits: Partial<typeof DEFAULT_RTMP_LIMITS> = {}): Recorded {
  const written: Buffer[] = [];
  const media: { kind: string; timestampMs: number; payload: string }[] = [];
  const events: string[] = [];
  const protocol = new RtmpProtocol(
    { ...DEFAULT_RTMP_LIMITS, ...limits },
    {
      onOutput: (bytes) => written.push(Buffer.from(bytes)),
      onPublish: (app, name) => {
        events.push(`publish ${app} ${name}`);
        protocol.grantPublish(`${app}/${name}`);
      },
      onPlay: () => events.push("play"),
      onUnpublish: () => events.push("unpublish"),
      onMedia: (kind, timestampMs, payload) =>
        media.push({ kind, timestampMs, payload: Buffer.from(payload).toString("hex") }),
    },
  );
  return { protocol, media, events, output: () => Buffer.concat(written) };
}

function code(expected: string): unknown {
  return expect.objectContaining({ name: "OriginError", code: expected });
}

/** Bytes that differ from place to place. */
function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff));
}

describe("RtmpProtocol", () => {
  it("takes a publisher from the handshake to media, whatever the pieces", () => {
    const body = pattern(5_000);
    const bytes = Buffer.concat([
      publishCommands("live", "demo"),
      setChunkSize(4_000),
      video(40, body, 4_000),
      audio(50, pattern(10), 4_000),
    ]);
    for (const piece of [1, 7, 1_000, bytes.length]) {
      const recorded = record();
      for (let at = 0; at < bytes.length; at += piece) recorded.protocol.feed(bytes.subarray(at, at + piece));
      expect(recorded.events).toEqual(["publish live demo"]);
      expect(recorded.media).toEqual([
        { kind: "video", timestampMs: 40, payload: body.toString("hex") },
        { kind: "audio", timestampMs: 50, payload: pattern(10).toString("hex") },
      ]);
      const commands = readCommands(recorded.output());
      expect(commands.map((values) => values[0])).toEqual(["_result", "_result", "onStatus"]);
      expect(readStatuses(recorded.output())[0]).toMatchObject({
        level: "status",
        code: "NetStream.Publish.Start",
      });
    }
  });

  it("assembles interleaved messages of several chunk streams", () => {
    const { protocol, media } = record();
    protocol.feed(publishCommands("live", "demo"));
    const first = message({ chunkStream: 6, type: 9, timestamp: 1, streamId: 1 }, pattern(200));
    const second = message({ chunkStream: 4, type: 8, timestamp: 2, streamId: 1 }, pattern(50));
    const cut = 12 + 128;
    protocol.feed(Buffer.concat([first.subarray(0, cut), second, first.subarray(cut)]));
    expect(media.map(({ kind, payload }) => [kind, payload.length / 2])).toEqual([
      ["audio", 50],
      ["video", 200],
    ]);
  });

  it("tells chunk streams with ids of two and three bytes apart", () => {
    const { protocol, media } = record();
    protocol.feed(publishCommands("live", "demo"));
    const ids = [64, 319, 320, 321, 576, 65_599];
    const parts = ids.map((chunkStream, index) =>
      message({ chunkStream, type: 8, timestamp: index, streamId: 1 }, pattern(200)),
    );
    const headBytes = parts.map((part) => part.length - 200 - (part.length - 200 - 11) / 2 + 128);
    protocol.feed(Buffer.concat(parts.map((part, index) => part.subarray(0, headBytes[index]))));
    expect(media).toHaveLength(0);
    protocol.feed(Buffer.concat(parts.map((part, index) => part.subarray(headBytes[index]))));
    expect(media.map(({ timestampMs, payload }) => [timestampMs, payload])).toEqual(
      ids.map((_, index) => [index, pattern(200).toString("hex")]),
    );
  });

  it("reads extended timestamps, deltas, and goes on after the 32-bit wrap", () => {
    const { protocol, media } = record();
    protocol.feed(publishCommands("live", "demo"));
    const near = 0xffff_fff0;
    protocol.feed(message({ chunkStream: 6, type: 9, timestamp: near, streamId: 1 }, pattern(300)));
    protocol.feed(message({ format: 1, chunkStream: 6, type: 9, timestamp: 0x20 }, pattern(3)));
    protocol.feed(message({ format: 2, chunkStream: 6, timestamp: 0x20 }, pattern(3)));
    protocol.feed(message({ format: 3, chunkStream: 6 }, pattern(3)));
    expect(media.map(({ timestampMs }) => timestampMs)).toEqual([near, 0x10, 0x30, 0x50]);
  });

  it("grants nothing before it is told to", () => {
    const { protocol, output } = record();
    protocol.feed(Buffer.concat([HANDSHAKE, connectCommand("live"), command(["createStream", 2, null])]));
    expect(protocol.publishing).toBe(false);
    expect(readStatuses(output())).toEqual([]);
  });

  it("acknowledges what it received, as often as the publisher asks", () => {
    const { protocol, output } = record();
    protocol.feed(publishCommands("live", "demo"));
    const window = Buffer.alloc(4);
    window.writeUInt32BE(200_000);
    protocol.feed(Buffer.concat([message({ chunkStream: 2, type: 5 }, window), setChunkSize(60_000)]));
    const before = output().length;
    for (let frame = 0; frame < 8; frame++) protocol.feed(video(frame, pattern(30_000), 60_000));
    const acknowledgements = output().subarray(before);
    expect(acknowledgements.length).toBe(2 * 16);
    expect(acknowledgements.readUInt8(7)).toBe(3);
  });

  it("forgets a message that the publisher aborts", () => {
    const { protocol, media } = record();
    protocol.feed(publishCommands("live", "demo"));
    const abort = Buffer.alloc(4);
    abort.writeUInt32BE(6);
    protocol.feed(video(1, pattern(300)).subarray(0, 12 + 128));
    protocol.feed(message({ chunkStream: 2, type: 2 }, abort));
    protocol.feed(video(2, pattern(5)));
    expect(media.map(({ timestampMs }) => timestampMs)).toEqual([2]);
  });

  it("tells the publisher in plain ASCII what is wrong", () => {
    const { protocol, output } = record();
    protocol.feed(publishCommands("live", "demo"));
    protocol.sendError("NetStream.Publish.BadName", "live/démo is in use");
    expect(readStatuses(output()).at(-1)).toEqual({
      level: "error",
      code: "NetStream.Publish.BadName",
      description: "live/d?mo is in use",
    });
  });

  it("survives random bytes at every stage with a typed error or none", () => {
    let state = 12_345;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    };
    const starts = [Buffer.from([3]), HANDSHAKE, publishCommands("live", "demo")];
    for (let round = 0; round < 300; round++) {
      const { protocol } = record();
      const noise = Buffer.from(Uint8Array.from({ length: 4_000 }, random));
      try {
        protocol.feed(starts[round % starts.length] ?? HANDSHAKE);
        protocol.feed(noise);
      } catch (error) {
        expect(error).toEqual(expect.objectContaining({ name: "OriginError" }));
      }
    }
  });

  const ready = publishCommands("live", "demo");
  const pending = video(0, pattern(300)).subarray(0, 12 + 128);
  const refused: [string, string, Buffer[]][] = [
    ["another protocol", "not-rtmp", [Buffer.from("GET / HTTP/1.1\r\n\r\n")]],
    ["chunk size 0", "chunk-size", [ready, setChunkSize(0)]],
    ["a giant chunk size", "chunk-size", [ready, setChunkSize(0x7fff_ffff)]],
    [
      "a chunk size without a size",
      "chunk-size",
      [ready, message({ chunkStream: 2, type: 1 }, Buffer.alloc(1))],
    ],
    ["a chunk size in the middle of a message", "chunk-size", [ready, pending, setChunkSize(4_096)]],
    [
      "a message over the limit",
      "message-too-large",
      [ready, chunkHeader({ length: 0xff_ffff, type: 9 }, 0)],
    ],
    [
      "a large command before publishing",
      "message-too-large",
      [HANDSHAKE, chunkHeader({ length: 100_000 }, 0)],
    ],
    ["a message that replaces an unfinished one", "chunk-order", [ready, pending, video(1, pattern(3))]],
    ["a chunk that continues nothing", "chunk-order", [ready, chunkHeader({ format: 3, chunkStream: 9 }, 0)]],
    ["a connect without app", "bad-command", [HANDSHAKE, command(["connect", 1, {}])]],
    ["a publish before connect", "bad-command", [HANDSHAKE, command(["publish", 1, null, "x"])]],
    ["a command that is not AMF0", "bad-command", [HANDSHAKE, message({}, Buffer.from([0x42, 1, 2, 3]))]],
    ["a second publish", "bad-command", [ready, command(["publish", 4, null, "other", "live"], 1)]],
  ];
  for (const [what, expected, pieces] of refused) {
    it(`refuses ${what}`, () => {
      const { protocol } = record();
      const feed = (): void => {
        for (const piece of pieces)
          protocol.feed(Buffer.concat([piece, Buffer.alloc(1)]).subarray(0, piece.length));
        protocol.feed(Buffer.alloc(1));
      };
      expect(feed).toThrowError(code(expected) as Error);
    });
  }

  it("refuses more chunk streams, and more bytes in assembly, than its bounds", () => {
    const many = record();
    many.protocol.feed(ready);
    expect(() => {
      for (let id = 10; id < 60; id++) many.protocol.feed(message({ chunkStream: id, type: 8 }, pattern(1)));
    }).toThrowError(code("chunk-streams") as Error);

    const full = record({ maxBufferedBytes: 1_000_000 });
    full.protocol.feed(ready);
    expect(() => {
      for (let id = 10; id < 16; id++) {
        full.protocol.feed(message({ chunkStream: id, type: 9, length: 250_000 }, pattern(128)));
      }
    }).toThrowError(code("buffer-full") as Error);
  });

  it("refuses deeply nested and overcrowded AMF before it costs anything", () => {
    const nested = Buffer.alloc(60_000);
    for (let at = 0; at + 4 < nested.length; at += 4) nested.set([0x03, 0x00, 0x01, 0x61], at);
    const crowded = Buffer.concat([Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(40_000, 0x05)]);
    for (const payload of [nested, crowded]) {
      const { protocol } = record();
      protocol.feed(HANDSHAKE);
      expect(() => protocol.feed(Buffer.concat([message({}, payload), Buffer.alloc(1)]))).toThrowError(
        code("bad-command") as Error,
      );
    }
  });
});
