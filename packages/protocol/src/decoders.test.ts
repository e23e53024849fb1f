import { describe, expect, test } from "vitest";
import { ByteReader } from "./codec/byte-reader.ts";
import { ByteWriter } from "./codec/byte-writer.ts";
import { encodeFrame, framePayload } from "./codec/encode-frame.ts";
import { FrameReader } from "./codec/frame-reader.ts";
import { MessageReader } from "./codec/message-reader.ts";
import { decodeUtf8, encodeUtf8 } from "./codec/utf8.ts";
import type { Dialect, MessageCodec, SubscribeReply } from "./dialect.ts";
import { lite02 } from "./lite-02/dialect.ts";
import { lite03 } from "./lite-03/dialect.ts";
import { lite04 } from "./lite-04/dialect.ts";
import { lite05 } from "./lite-05/dialect.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { WireFrame } from "./wire-frame.ts";

const MAX_MESSAGE_BYTES = 1024;
const MAX_FRAME_BYTES = 300_000;
const FUZZ_ROUNDS = 400;

/** One decoder: its bytes for some values, and a run over bytes in pieces that yields what was decoded. */
interface Row {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Everything decoded from the pieces, as something comparable. Throws ProtocolError. */
  decode(pieces: readonly Uint8Array[]): { readonly values: unknown[]; readonly complete: boolean };
  /** A start that is over the decoder's limit. */
  readonly overLimit: Uint8Array | undefined;
}

const OPTIONS = { priority: 60, ordered: true, maxLatencyMs: 500, startGroup: 3, endGroup: undefined };
const HUGE_LENGTH = Uint8Array.of(0x80, 0x01, 0x00, 0x00);

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.take();
}

function readAll(pieces: readonly Uint8Array[], next: (input: MessageReader) => unknown) {
  const input = new MessageReader({ maxMessageBytes: MAX_MESSAGE_BYTES });
  const values: unknown[] = [];
  for (const piece of pieces) {
    const borrowed = piece.slice();
    input.push(borrowed);
    for (;;) {
      const before = input.remaining;
      const value = before === 0 ? undefined : next(input);
      if (value === undefined) {
        break;
      }
      values.push(value);
    }
    input.keep();
    // What was pushed belongs to the caller, who uses it again.
    borrowed.fill(0xdb);
  }
  return { values, complete: input.remaining === 0 };
}

function messageRow<T>(name: string, codec: MessageCodec<T>, values: readonly T[]): Row {
  return {
    name,
    samples: values.map((value) => bytesOf((writer) => codec.write(writer, value))),
    decode: (pieces) =>
      readAll(pieces, (input) => {
        const body = input.message();
        return body === undefined ? undefined : { value: codec.read(body) };
      }),
    overLimit: HUGE_LENGTH,
  };
}

function dialectRows(dialect: Dialect): Row[] {
  const { version } = dialect;
  const hops = version === "lite-02" ? [] : version === "lite-03" ? [0, 0] : [5, 2 ** 53 - 1];
  const rows: Row[] = [
    messageRow(`${version} announce request`, dialect.announce.request, [
      { prefix: "", excludeHop: 0 },
      { prefix: "live/ünïcödé", excludeHop: version === "lite-05" || version === "lite-04" ? 77 : 0 },
    ]),
    messageRow(`${version} announcement`, dialect.announce.announcement, [
      { status: "active", suffix: "a/b", hops },
      { status: "ended", suffix: "", hops: [] },
    ]),
    messageRow(`${version} subscribe`, dialect.subscribe.request, [
      {
        id: 70_000,
        broadcast: "cam.hang",
        track: "video/hd",
        options:
          version === "lite-02"
            ? { priority: 9, ordered: false, maxLatencyMs: 0, startGroup: undefined, endGroup: undefined }
            : OPTIONS,
      },
    ]),
    messageRow(`${version} group header`, dialect.group.header, [
      { subscribeId: 0, sequence: 1_800_000_000_000 },
    ]),
    replyRow(dialect),
    frameRow(version, dialect.group.timestamps),
  ];
  const { ok, init } = dialect.announce;
  if (ok !== undefined) {
    rows.push(messageRow(`${version} announce ok`, ok, [{ hop: 0x2222, active: 3 }]));
  }
  if (init !== undefined) {
    rows.push(messageRow(`${version} announce init`, init, [[], ["a", "", "b/c"]]));
  }
  if (dialect.subscribe.update !== undefined) {
    rows.push(messageRow(`${version} subscribe update`, dialect.subscribe.update, [OPTIONS]));
  }
  if (dialect.track !== undefined) {
    const info = { priority: 60, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };
    rows.push(messageRow(`${version} track`, dialect.track.request, [{ broadcast: "a", track: "b" }]));
    rows.push(messageRow(`${version} track info`, dialect.track.info, [info]));
  }
  if (dialect.fetch !== undefined) {
    rows.push(
      messageRow(`${version} fetch`, dialect.fetch, [{ broadcast: "a", track: "b", priority: 7, group: 0 }]),
    );
  }
  if (dialect.probe !== undefined) {
    const rttMs = version === "lite-03" ? 0 : 20;
    rows.push(messageRow(`${version} probe`, dialect.probe, [{ bitrateBps: 5_000_000, rttMs }]));
  }
  if (dialect.goaway !== undefined) {
    rows.push(messageRow(`${version} goaway`, dialect.goaway, ["https://other:4443/live"]));
  }
  if (dialect.setup.kind === "stream") {
    rows.push(
      messageRow(`${version} setup`, dialect.setup.message, [
        { path: undefined, originId: 0x1111, probeLevel: 0, role: "both" },
        { path: "/live?jwt=x", originId: 1, probeLevel: 2, role: "subscriber" },
      ]),
    );
  }
  return rows;
}

function replyRow(dialect: Dialect): Row {
  const info = { priority: 60, ordered: true, maxLatencyMs: 5_000, timescale: 1_000_000 };
  const replies: SubscribeReply[] = [
    { kind: "ok", info },
    { kind: "start", group: 9 },
    { kind: "end", group: 10 },
    { kind: "drop", start: 3, end: 5, code: 2 },
  ];
  return {
    name: `${dialect.version} subscribe reply`,
    samples: replies
      .map((reply) => bytesOf((writer) => dialect.subscribe.writeReply(writer, reply, OPTIONS)))
      .filter((bytes) => bytes.length > 0),
    decode: (pieces) => readAll(pieces, (input) => dialect.subscribe.readReply(input)),
    overLimit: Uint8Array.of(0x80, 0, 0, 0, ...HUGE_LENGTH),
  };
}

function frameRow(name: string, timestamps: boolean): Row {
  const frames = [
    encodeFrame(1_800_000_000_000_000, 0, Uint8Array.of(1, 2, 3)),
    encodeFrame(1_799_999_999_966_667, 1_800_000_000_000_000, new Uint8Array(0)),
    encodeFrame(1_800_000_000_033_333, 1_799_999_999_966_667, new Uint8Array(200).fill(7)),
  ];
  const group = bytesOf((writer) => {
    for (const frame of frames) {
      writer.bytes(timestamps ? frame.wire : frame.wire.subarray(frame.sizeOffset));
    }
  });
  return {
    name: `${name} frames`,
    samples: [group],
    decode: (pieces) => {
      const values: unknown[] = [];
      const options = { timestamps, maxFrameBytes: MAX_FRAME_BYTES, stampTimestamp: () => 42 };
      const reader = new FrameReader(options, (frame) => {
        values.push({ ...frame, payload: [...framePayload(frame)], wire: [...frame.wire] });
      });
      for (const piece of pieces) {
        reader.push(piece);
      }
      return { values, complete: !reader.insideFrame };
    },
    overLimit: timestamps ? Uint8Array.of(0, 0x80, 0x10, 0, 0) : Uint8Array.of(0x80, 0x10, 0, 0),
  };
}

/** Decoders without a length of their own: the two SETUPs of lite-02 and datagrams. */
function specialRows(): Row[] {
  const { setup } = lite02;
  const { datagram } = lite05;
  if (setup.kind !== "legacy" || datagram === undefined) {
    throw new RangeError("the dialects have lost a codec");
  }
  const legacy = <T>(name: string, codec: MessageCodec<T>, value: T): Row => ({
    name,
    samples: [bytesOf((writer) => codec.write(writer, value))],
    decode: (pieces) =>
      readAll(pieces, (input) => {
        const body = input.messageOfU16Length();
        return body === undefined ? undefined : codec.read(body);
      }),
    overLimit: Uint8Array.of(0xff, 0xff),
  });
  return [
    legacy("lite-02 client setup", setup.client, { versions: [0xff0dad02, 0xff0dad01] }),
    legacy("lite-02 server setup", setup.server, { version: 0xff0dad02 }),
    {
      name: "lite-05 datagram",
      samples: [
        bytesOf((writer) =>
          datagram.write(writer, {
            subscribeId: 1,
            sequence: 2,
            timestamp: 2_100_000,
            payload: Uint8Array.of(9),
          }),
        ),
      ],
      // A datagram is never split: its pieces are one datagram.
      decode: (pieces) => {
        const whole = bytesOf((writer) => pieces.forEach((piece) => void writer.bytes(piece)));
        const message = datagram.read(new ByteReader(whole));
        return { values: [{ ...message, payload: [...message.payload] }], complete: true };
      },
      overLimit: undefined,
    },
    {
      name: "utf-8",
      samples: [encodeUtf8("aß€😀")],
      decode: (pieces) => {
        const whole = bytesOf((writer) => pieces.forEach((piece) => void writer.bytes(piece)));
        return { values: [decodeUtf8(whole)], complete: true };
      },
      overLimit: undefined,
    },
  ];
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

/** Runs the decoder; anything but a value or a ProtocolError is a bug. */
function decodeUntrusted(row: Row, pieces: readonly Uint8Array[]): void {
  try {
    row.decode(pieces);
  } catch (error) {
    expect(error, row.name).toBeInstanceOf(ProtocolError);
  }
}

const ROWS = [lite05, lite04, lite03, lite02].flatMap(dialectRows).concat(specialRows());

describe.each(ROWS.map((row) => [row.name, row] as const))("the decoder of %s", (_name, row) => {
  test("reads back what was written, and writes nothing it cannot read", () => {
    expect(row.samples.length).toBeGreaterThan(0);
    for (const sample of row.samples) {
      const { values, complete } = row.decode([sample]);
      expect(values.length).toBeGreaterThan(0);
      expect(complete).toBe(true);
    }
  });

  test("gives the same for every split", () => {
    for (const sample of row.samples) {
      const whole = row.decode([sample]);
      for (let at = 0; at <= sample.length; at++) {
        expect(row.decode([sample.subarray(0, at), sample.subarray(at)])).toEqual(whole);
      }
      expect(row.decode([...sample].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
    }
  });

  test("takes a truncated message for an incomplete or a malformed one, never for another", () => {
    for (const sample of row.samples) {
      const { values } = row.decode([sample]);
      for (let length = 0; length < sample.length; length++) {
        try {
          const cut = row.decode([sample.subarray(0, length)]);
          if (row.overLimit !== undefined) {
            expect(cut.values).toEqual(values.slice(0, cut.values.length));
            expect(cut.values.length < values.length).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }
  });

  test("refuses what is over its limit from the length alone", () => {
    const { overLimit } = row;
    if (overLimit !== undefined) {
      expect(() => row.decode([overLimit])).toThrow(ProtocolError);
    }
  });

  test("survives random bytes and mutations", () => {
    const random = seeded(row.name.length * 7919 + 1);
    for (let round = 0; round < FUZZ_ROUNDS; round++) {
      const noise = Uint8Array.from({ length: random() % 80 }, () => random() & 255);
      decodeUntrusted(row, [noise]);
      const mutated = (row.samples[round % row.samples.length] ?? noise).slice();
      for (let change = random() % 4; change >= 0; change--) {
        mutated[random() % mutated.length] = random() & 255;
      }
      const at = random() % (mutated.length + 1);
      decodeUntrusted(row, [mutated.subarray(0, at), mutated.subarray(at)]);
    }
  });
});

describe("message round trips", () => {
  test("keep every field", () => {
    const [first, second] = ROWS.filter((row) => row.name === "lite-05 setup").flatMap(
      (row) => row.decode(row.samples).values,
    );
    expect(first).toEqual({ value: { path: undefined, originId: 0x1111, probeLevel: 0, role: "both" } });
    expect(second).toEqual({
      value: { path: "/live?jwt=x", originId: 1, probeLevel: 2, role: "subscriber" },
    });
    const [subscribe] = ROWS.filter((row) => row.name === "lite-05 subscribe").flatMap(
      (row) => row.decode(row.samples).values,
    );
    expect(subscribe).toEqual({
      value: { id: 70_000, broadcast: "cam.hang", track: "video/hd", options: OPTIONS },
    });
  });
});

describe("a datagram", () => {
  test("has no timestamp that no frame can have", () => {
    const read = (timestamp: number) =>
      lite05.datagram?.read(
        new ByteReader(
          bytesOf((writer) => {
            for (const field of [1, 2, timestamp]) writer.varint(field);
          }),
        ),
      );
    const largest = 2 ** 52 - 1;
    const message = read(largest);
    expect(message?.timestamp).toBe(largest);
    expect(encodeFrame(largest, 0, new Uint8Array(1)).timestamp).toBe(largest);
    expect(() => read(largest + 1)).toThrow(expect.objectContaining({ code: "too-large" }));
  });
});

describe("FrameReader", () => {
  test("refuses timestamps that add up to more than any frame can have", () => {
    const timestamps: number[] = [];
    const reader = new FrameReader(
      { timestamps: true, maxFrameBytes: MAX_FRAME_BYTES, stampTimestamp: () => 0 },
      (frame: WireFrame) => timestamps.push(frame.timestamp),
    );
    const largest = 2 ** 52 - 1;
    reader.push(encodeFrame(largest, 0, new Uint8Array(1)).wire);
    expect(() => reader.push(encodeFrame(largest, largest - 1, new Uint8Array(1)).wire)).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    expect(timestamps).toEqual([largest]);
  });

  test("takes no more memory than arrives for a frame that only claims to be large", () => {
    let frames = 0;
    const reader = new FrameReader(
      { timestamps: true, maxFrameBytes: MAX_FRAME_BYTES, stampTimestamp: () => 0 },
      (frame: WireFrame) => {
        frames++;
        expect(frame.wire.length).toBe(frame.payloadOffset + 200_000);
        expect(framePayload(frame).every((byte) => byte === 5)).toBe(true);
      },
    );
    const large = encodeFrame(7, 0, new Uint8Array(200_000).fill(5));
    for (let offset = 0; offset < large.wire.length; offset += 1000) {
      reader.push(large.wire.subarray(offset, offset + 1000));
    }
    expect(frames).toBe(1);
  });
});
