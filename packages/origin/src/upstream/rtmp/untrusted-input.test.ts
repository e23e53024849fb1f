import { MediaError } from "@canopy/media";
import { AmfEcmaArray, encodeAmf0 } from "@canopy/media/flv";
import { describe, expect, it } from "vitest";
import { OriginError } from "../../origin-error.ts";
import { parsePublishTarget } from "./publish-target.ts";
import { DEFAULT_RTMP_LIMITS } from "./rtmp-limits.ts";
import { RtmpProtocol } from "./rtmp-protocol.ts";
import { audio, publishCommands, script, setChunkSize, video } from "./rtmp-sender-suite.ts";
import { readScriptData } from "./script-data.ts";

const ROUNDS = 1_500;
const HANDSHAKE_BYTES = 1 + 1_536 + 1_536;

/** Numbers from 0 to 2^24 - 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

function mutate(sample: Uint8Array, from: number, next: () => number): Buffer {
  const bytes = Buffer.alloc(sample.length + 4);
  bytes.set(sample);
  let { length } = sample;
  for (let edits = 1 + (next() % 4); edits > 0; edits -= 1) {
    const at = from + (next() % Math.max(1, length - from));
    const kind = next() % 3;
    if (kind === 0 && length > at) {
      bytes.copyWithin(at, at + 1, length);
      length -= 1;
    } else {
      if (kind === 1) {
        bytes.copyWithin(at + 1, at, length);
        length += 1;
      }
      bytes[at] = next() & 0xff;
      length = Math.max(length, at + 1);
    }
  }
  return bytes.subarray(0, length);
}

/** What a publisher sends from the handshake to the first media, and a message of its own. */
const SESSION = Buffer.concat([
  publishCommands("live", "demo"),
  setChunkSize(4_096),
  script(["@setDataFrame", "onMetaData", new AmfEcmaArray({ framerate: 30, width: 640 })], 4_096),
  video(0, new Uint8Array(600).fill(7), 4_096),
  audio(20, new Uint8Array(200).fill(9), 4_096),
]);

function feed(bytes: Buffer, split: number): number {
  let mediaBytes = 0;
  const protocol = new RtmpProtocol(DEFAULT_RTMP_LIMITS, {
    onOutput: () => {},
    onPublish: (app, name) => protocol.grantPublish(`${app}/${name}`),
    onPlay: () => {},
    onUnpublish: () => {},
    onMedia: (_kind, _timestampMs, payload) => {
      mediaBytes += payload.length;
    },
  });
  protocol.feed(bytes.subarray(0, split));
  protocol.feed(bytes.subarray(split));
  return mediaBytes;
}

describe("RtmpProtocol", () => {
  it("meets changed, cut and random bytes with messages or an OriginError", () => {
    expect(feed(SESSION, 0)).toBeGreaterThan(800);
    const next = seeded(1_935);
    for (let round = 0; round < ROUNDS; round += 1) {
      // Mostly behind the handshake, whose bytes mean nothing.
      const from = round % 10 === 0 ? 0 : HANDSHAKE_BYTES;
      const changed = mutate(SESSION, from, next).subarray(0, SESSION.length - (next() % 900));
      const noise = Buffer.alloc(400);
      for (let index = 0; index < noise.length; index += 1) noise[index] = next();
      for (const bytes of [changed, Buffer.concat([SESSION.subarray(0, HANDSHAKE_BYTES), noise])]) {
        try {
          feed(bytes, next() % bytes.length);
        } catch (error) {
          expect(error, bytes.subarray(HANDSHAKE_BYTES).toString("hex")).toBeInstanceOf(OriginError);
        }
      }
    }
  });
});

describe("readScriptData", () => {
  it("meets changed and random bytes with a value or a MediaError", () => {
    const next = seeded(7);
    const samples = [
      encodeAmf0(["onMetaData", new AmfEcmaArray({ framerate: 30, videodatarate: 1_500 })]),
      encodeAmf0(["onTextData", { type: "cue", text: "x", list: [1, null, true] }]),
      encodeAmf0(["onCuePoint", { name: "a" }]),
    ];
    for (let round = 0; round < ROUNDS; round += 1) {
      const sample = samples[round % samples.length] ?? new Uint8Array(0);
      for (const bytes of [mutate(sample, 0, next), Buffer.from([2, 0, 1, 0x61, next(), next(), next()])]) {
        try {
          expect(["metadata", "message", "other"]).toContain(readScriptData(bytes).kind);
        } catch (error) {
          expect(error, bytes.toString("hex")).toBeInstanceOf(MediaError);
        }
      }
    }
  });
});

describe("parsePublishTarget", () => {
  it("meets any names with a path or an OriginError", () => {
    const next = seeded(3);
    const letters = "a/./..//?&=%#\u0000é jwt=%zz";
    const word = (): string =>
      Array.from({ length: next() % 24 }, () => letters[next() % letters.length] ?? "").join("");
    for (let round = 0; round < ROUNDS; round += 1) {
      const [app, name] = [word(), word()];
      try {
        const { path } = parsePublishTarget(app, name);
        expect(path).toMatch(/^[^/]+(\/[^/]+)*$/);
      } catch (error) {
        expect(error, JSON.stringify([app, name])).toBeInstanceOf(OriginError);
      }
    }
  });
});
