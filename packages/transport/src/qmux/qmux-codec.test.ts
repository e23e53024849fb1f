import { describe, expect, it } from "vitest";
import type { MessageSocket } from "./message-socket.ts";
import { QmuxError } from "./qmux-error.ts";
import { DEFAULT_QMUX_LIMITS } from "./qmux-limits.ts";
import { type FrameHandler, readRecord } from "./read-record.ts";
import { RecordWriter } from "./record-writer.ts";
import {
  chooseSubprotocol,
  offeredProtocols,
  offerSubprotocols,
  parseOffer,
  parseSubprotocol,
} from "./subprotocols.ts";
import { writeParameters } from "./transport-parameters.ts";

/** What another implementation (@moq/net 0.3.4, qmux-01) says first; the second record has two streams in it. */
const OTHER_PARAMETERS =
  "ff5153300d0a0d0a35 010480007530 040480100000 050480040000 060480040000 070480040000 08024064 09024064 20027ffe c571c59429cd0845027ffe";
const OTHER_STREAMS =
  "0e00000101 0e02000101 0e00010103 0e02010105 0e00020300 5111 0e020205 0105025111 0f020700";

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Everything that a record says, one line each. */
class Listing implements FrameHandler {
  readonly lines: string[] = [];
  closed = false;
  hasParameters: boolean;

  constructor(hasParameters = true) {
    this.hasParameters = hasParameters;
  }

  onParameters(parameters: object): void {
    this.hasParameters = true;
    this.lines.push(`parameters ${Object.values(parameters).join(" ")}`);
  }
  onStreamFrame(id: number, offset: number, bytes: Uint8Array, fin: boolean): void {
    this.lines.push(`stream ${id} @${offset} [${bytes.join(" ")}]${fin ? " fin" : ""}`);
  }
  onReset(...fields: number[]): void {
    this.lines.push(`reset ${fields.join(" ")}`);
  }
  onStop(...fields: number[]): void {
    this.lines.push(`stop ${fields.join(" ")}`);
  }
  onSessionCredit(limit: number): void {
    this.lines.push(`credit ${limit}`);
  }
  onStreamCredit(id: number, limit: number): void {
    this.lines.push(`credit ${id} ${limit}`);
  }
  onStreamsAllowed(isUni: boolean, count: number): void {
    this.lines.push(`streams ${isUni ? "uni" : "bidi"} ${count}`);
  }
  onDatagram(bytes: Uint8Array): void {
    this.lines.push(`datagram [${bytes.join(" ")}]`);
  }
  onPing(high: number, low: number): void {
    this.lines.push(`ping ${high} ${low}`);
  }
  onPong(high: number, low: number): void {
    this.lines.push(`pong ${high} ${low}`);
  }
  onPeerClose({ code, reason }: { code: number | undefined; reason: string }): void {
    this.closed = true;
    this.lines.push(`close ${code} ${reason}`);
  }
}

function list(hex: string, isOneFrame = false): string[] {
  const listing = new Listing();
  readRecord(bytesOf(hex), isOneFrame, listing);
  return listing.lines;
}

/** A socket that keeps its records, with a headroom as a server has. */
function keepingSocket(headroomBytes: number): MessageSocket & { readonly records: Uint8Array[] } {
  const records: Uint8Array[] = [];
  return {
    records,
    headroomBytes,
    drainBytes: 0,
    bufferedBytes: 0,
    cork: () => {},
    uncork: () => {},
    send: (pieces, recordBytes) => {
      const all = pieces.flatMap((piece) => [...piece]);
      expect(all.length).toBe(headroomBytes + recordBytes);
      records.push(Uint8Array.from(all.slice(headroomBytes)));
    },
    ping: () => {},
    close: () => {},
  };
}

const FRAMES: readonly (readonly [string, string])[] = [
  ["0404404008", "reset 4 64 8"],
  ["050418", "stop 4 24"],
  ["0804aabb", "stream 4 @-1 [170 187]"],
  ["0a0401aa", "stream 4 @-1 [170]"],
  ["0c040740", "stream 4 @7 [64]"],
  ["0f0407 01aa", "stream 4 @7 [170] fin"],
  ["1080100000", "credit 1048576"],
  ["110480040000", "credit 4 262144"],
  ["124064", "streams bidi 100"],
  ["134064", "streams uni 100"],
  ["1c0a000162", "close undefined b"],
  ["1d1102686f", "close 17 ho"],
  ["30 0102", "datagram [1 2]"],
  ["310101", "datagram [1]"],
  ["f48c67529ef8c7bd c000000100000007", "ping 1 7"],
  ["f48c67529ef8c7be 07", "pong 0 7"],
];

describe("readRecord", () => {
  it("reads what another implementation says first", () => {
    const listing = new Listing(false);
    readRecord(bytesOf(OTHER_PARAMETERS), false, listing);
    readRecord(bytesOf(OTHER_STREAMS), false, listing);
    expect(listing.lines).toEqual([
      "parameters 30000 1048576 262144 262144 262144 100 100 16382 16382",
      "stream 0 @0 [1]",
      "stream 2 @0 [1]",
      "stream 0 @1 [3]",
      "stream 2 @1 [5]",
      "stream 0 @2 [0 81 17]",
      "stream 2 @2 [1 5 2 81 17]",
      "stream 2 @7 [] fin",
    ]);
  });

  it.each(FRAMES)("reads %s", (hex, line) => {
    expect(list(hex)).toEqual([line]);
  });

  it("skips padding and news of the peer's waiting", () => {
    expect(list("0000 1401 150402 1601 1701 050418")).toEqual(["stop 4 24"]);
  });

  it("refuses every frame that is cut off, with a typed error", () => {
    for (const [hex] of [...FRAMES, [OTHER_PARAMETERS]] as [string][]) {
      const whole = bytesOf(hex);
      for (let length = 1; length < whole.length; length += 1) {
        const listing = new Listing(!hex.startsWith("ff"));
        try {
          readRecord(whole.subarray(0, length), false, listing);
        } catch (error) {
          expect(error).toBeInstanceOf(QmuxError);
        }
      }
    }
  });

  it.each([
    ["0000", "protocol-violation"],
    ["ff5153300d0a0d0a 03 000101", "transport-parameter"],
    ["ff5153300d0a0d0a 06 010101 010101", "transport-parameter"],
    ["ff5153300d0a0d0a 03 010201", "transport-parameter"],
    ["ff5153300d0a0d0a 0a c571c59429cd0845 0105", "transport-parameter"],
  ])("refuses %s as parameters: %s", (hex, code) => {
    expect(() => readRecord(bytesOf(hex), false, new Listing(false))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it("takes one frame a message from qmux-00", () => {
    expect(() => list("050418 050418", true)).toThrow(QmuxError);
    expect(list("050418", true)).toEqual(["stop 4 24"]);
  });
});

describe("RecordWriter", () => {
  it.each([0, 4])("writes records that are read as they were meant, headroom %i", (headroomBytes) => {
    const socket = keepingSocket(headroomBytes);
    const writer = new RecordWriter();
    const listing = new Listing(false);
    writer.begin(socket, 1_024, false);
    writeParameters(writer, DEFAULT_QMUX_LIMITS, 16_382);
    expect(writer.stream(4, 7, Uint8Array.of(1, 2, 3), 1, 2, true)).toBe(2);
    const large = new Uint8Array(5_000).fill(9);
    let sent = 0;
    while (sent < large.length) {
      sent += writer.stream(2 ** 34, sent, large, sent, large.length - sent, false);
    }
    for (const value of [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 40]) {
      writer.frame(32);
      writer.varint(0x10);
      writer.varint(value);
    }
    writer.end();
    for (const record of socket.records) {
      expect(record.length).toBeLessThanOrEqual(1_024);
      readRecord(record, false, listing);
    }
    expect(writer.records).toBe(socket.records.length);
    const { lines } = listing;
    expect(lines[0]).toBe("parameters 30000 524288 262144 262144 262144 1024 1024 16382 65535");
    expect(lines[1]).toBe("stream 4 @7 [2 3] fin");
    const pieces = lines.filter((line) => line.startsWith(`stream ${2 ** 34}`));
    expect(pieces.flatMap((line) => line.split("[")[1]?.match(/9/g) ?? []).length).toBe(5_000);
    expect(lines.slice(-8)).toEqual(
      [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 40].map((value) => `credit ${value}`),
    );
  });

  it("shares a large payload instead of copying it, and never writes to what it has sent", () => {
    const pieces: Uint8Array[] = [];
    const writer = new RecordWriter();
    const socket = { ...keepingSocket(0), send: (sent: readonly Uint8Array[]) => pieces.push(...sent) };
    const payload = new Uint8Array(10_000).fill(7);
    writer.begin(socket, 65_535, false);
    writer.stream(0, 0, payload, 0, payload.length, false);
    writer.end();
    expect(pieces.some((piece) => piece.buffer === payload.buffer)).toBe(true);
    const before = pieces.map((piece) => piece.slice());
    for (let round = 0; round < 200; round += 1) {
      writer.begin(keepingSocket(0), 65_535, false);
      writer.stream(4, 0, new Uint8Array(1_000).fill(round), 0, 1_000, false);
      writer.end();
    }
    expect(pieces).toEqual(before);
  });
});

describe("subprotocols", () => {
  it("are offered with every version, the bare ones last", () => {
    expect(offerSubprotocols(["moq-lite-05"])).toEqual([
      "qmux-02.moq-lite-05",
      "qmux-01.moq-lite-05",
      "qmux-00.moq-lite-05",
      "qmux-02",
      "qmux-01",
      "qmux-00",
    ]);
  });

  it("are chosen by what is inside, then by the newest version", () => {
    const offer = parseOffer(
      "qmux-00.moq-lite-05, qmux-01.moq-lite-05, qmux-01.moqt-20, qmux-01, webtransport, chat",
    );
    expect(offer.length).toBe(4);
    expect(offeredProtocols(offer, ["moq-lite-05"])).toEqual(["moq-lite-05"]);
    expect(offeredProtocols(parseOffer("qmux-01.moqt-20, qmux-01"), ["moq-lite-05"])).toEqual([]);
    expect(offeredProtocols(parseOffer("qmux-01.moqt-20"), ["moq-lite-05"])).toEqual(["moqt-20"]);
    expect(chooseSubprotocol(offer, "moq-lite-05")?.token).toBe("qmux-01.moq-lite-05");
    expect(chooseSubprotocol(offer, "")?.token).toBe("qmux-01");
    expect(chooseSubprotocol(offer, "moq-lite-04")).toBeUndefined();
  });

  it.each(["", "qmux-03", "qmux-01.", "xqmux-01", "webtransport"])("are not what %s is", (token) => {
    expect(parseSubprotocol(token)).toBeUndefined();
  });
});
