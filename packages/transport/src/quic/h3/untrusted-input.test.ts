import { describe, expect, it } from "vitest";
import type { QuicStream } from "../quic-stream.ts";
import { RetryTokens } from "../retry-token.ts";
import { createCapsuleReader, encodeCloseSession, encodeDrainSession } from "./capsules.ts";
import { encodeFrame, FrameReader } from "./frame-reader.ts";
import { FRAME_HEADERS, FRAME_SETTINGS, STREAM_WEBTRANSPORT_UNI } from "./http3-codes.ts";
import { Http3Error } from "./http3-error.ts";
import { decodeHuffman } from "./huffman.ts";
import { PreambleReader } from "./preamble-reader.ts";
import { decodeFieldSection, encodeFieldSection } from "./qpack.ts";
import { decodeSettings, encodeSettings } from "./settings.ts";
import { encodeStringList, parseStringList } from "./structured-fields.ts";
import { encodeVarints } from "./varint.ts";

/** A decoder of what a peer sends: it may accept or refuse, but only with an Http3Error. */
interface Decoder {
  readonly name: string;
  /** In pieces, as packets bring it; what must come whole is joined first. Returns what was decoded. */
  decode(pieces: readonly Uint8Array[]): unknown;
  readonly samples: readonly Uint8Array[];
}

const ROUNDS = 2_000;
const REQUEST = encodeFieldSection([
  [":method", "CONNECT"],
  [":protocol", "webtransport"],
  [":path", "/live?jwt=x"],
  ["wt-available-protocols", encodeStringList(["moq-lite-05", 'a "quoted" \\ one'])],
]);
/** `www.example.com` (RFC 7541 §C.4.1), and a request of Chromium's that uses Huffman and the static table. */
const HUFFMAN = Buffer.from("f1e3c2e5f23a6ba0ab90f4ff", "hex");
const STATIC = Buffer.from("0000d1d7508cf1e3c2e5f23a6ba0ab90f4ff", "hex");
const tokens = new RetryTokens(new Uint8Array(32));

function readFrames(pieces: readonly Uint8Array[], open: (seen: unknown[]) => FrameReader): unknown {
  const seen: unknown[] = [];
  const reader = open(seen);
  for (const piece of pieces) reader.push(piece);
  return seen;
}

const DECODERS: readonly Decoder[] = [
  {
    name: "decodeFieldSection",
    decode: (pieces) => decodeFieldSection(Buffer.concat(pieces)),
    samples: [REQUEST, STATIC],
  },
  {
    name: "decodeHuffman",
    decode: (pieces) => decodeHuffman(Buffer.concat(pieces), 100),
    samples: [HUFFMAN],
  },
  {
    name: "decodeSettings",
    decode: (pieces) => [...decodeSettings(Buffer.concat(pieces))],
    samples: [encodeSettings(), encodeVarints(6, 2 ** 40, 0x33, 1)],
  },
  {
    name: "FrameReader",
    decode: (pieces) =>
      readFrames(
        pieces,
        (seen) =>
          new FrameReader(
            {
              onFrame: (type, payload) => seen.push([type, Buffer.from(payload).toString("hex")]),
              // Data comes in the pieces of the packets: only its bytes count.
              onData: (piece) => seen.push(...piece),
            },
            new Set([FRAME_HEADERS, FRAME_SETTINGS]),
          ),
      ),
    samples: [
      Buffer.concat([encodeFrame(FRAME_HEADERS, REQUEST), encodeFrame(0, Buffer.alloc(300, 7))]),
      Buffer.concat([encodeFrame(0x21, Buffer.alloc(90)), encodeFrame(FRAME_SETTINGS, encodeSettings())]),
    ],
  },
  {
    name: "createCapsuleReader",
    decode: (pieces) =>
      readFrames(pieces, (seen) =>
        createCapsuleReader({
          onCloseSession: (code, reason) => seen.push([code, reason]),
          onDrainSession: () => seen.push("drain"),
        }),
      ),
    // Without the DATA frame around them.
    samples: [
      encodeDrainSession().subarray(2),
      encodeCloseSession(6, Buffer.from("the token has expired")).subarray(2),
    ],
  },
  {
    name: "PreambleReader",
    decode: (pieces) => {
      let seen: unknown;
      let rest: ((bytes: Uint8Array) => void) | undefined;
      const reader = new PreambleReader({} as QuicStream, false, {
        onWebTransportStream: (_stream, sessionId, bytes) => {
          const content = [...bytes];
          rest = (more) => content.push(...more);
          seen = [sessionId, content];
        },
        onOtherStream: (_stream, type, bytes) => {
          const content = [...bytes];
          rest = (more) => content.push(...more);
          seen = [type, content];
        },
      });
      for (const piece of pieces)
        if (rest === undefined) reader.onData(piece, false);
        else rest(piece);
      return seen;
    },
    samples: [
      Buffer.concat([encodeVarints(STREAM_WEBTRANSPORT_UNI, 4), Buffer.from("content")]),
      encodeVarints(0, 0x21, 2 ** 30),
    ],
  },
  {
    name: "parseStringList",
    decode: (pieces) => parseStringList(Buffer.concat(pieces).toString("latin1")),
    samples: [Buffer.from(encodeStringList(["moq-lite-05", 'a "b" \\']))],
  },
  {
    name: "RetryTokens",
    decode: (pieces) => tokens.decode(Buffer.concat(pieces), "127.0.0.1:1", Buffer.alloc(16), 1_000),
    samples: [tokens.encode("127.0.0.1:1", Buffer.alloc(16, 3), Buffer.alloc(16), 1_000)],
  },
];

/** Numbers from 0 to 2^24 - 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

function mutate(sample: Uint8Array, next: () => number): Uint8Array {
  const bytes = [...sample];
  for (let edits = 1 + (next() % 4); edits > 0; edits -= 1) {
    const at = next() % Math.max(1, bytes.length);
    const kind = next() % 3;
    if (kind === 0) bytes.splice(at, 1);
    else if (kind === 1) bytes.splice(at, 0, next() & 0xff);
    else bytes[at] = next() & 0xff;
  }
  return Uint8Array.from(bytes);
}

function attempt({ name, decode }: Decoder, pieces: readonly Uint8Array[]): void {
  try {
    decode(pieces);
  } catch (error) {
    expect(error, `${name} on ${Buffer.concat(pieces).toString("hex")}`).toBeInstanceOf(Http3Error);
  }
}

describe.each(DECODERS)("$name", (decoder) => {
  it("gives the same for every split of what is right", () => {
    for (const sample of decoder.samples) {
      const whole = decoder.decode([sample]);
      expect(whole).toBeDefined();
      for (let at = 0; at <= sample.length; at += 1) {
        expect(decoder.decode([sample.subarray(0, at), sample.subarray(at)])).toEqual(whole);
      }
    }
  });

  it("meets what is cut off, changed or random with a value or an Http3Error", () => {
    const next = seeded(decoder.name.length);
    for (const sample of decoder.samples) {
      for (let end = 0; end < sample.length; end += 1) attempt(decoder, [sample.subarray(0, end)]);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const sample = decoder.samples[round % decoder.samples.length] ?? new Uint8Array(0);
      const changed = mutate(sample, next);
      const at = next() % (changed.length + 1);
      attempt(decoder, [changed.subarray(0, at), changed.subarray(at)]);
      attempt(decoder, [Uint8Array.from({ length: next() % 120 }, () => next() & 0xff)]);
    }
  });
});
