import { describe, expect, test } from "vitest";
import {
  CONNECTION_ID_BYTES,
  connectionIdKey,
  createConnectionId,
  destinationKey,
  encodeStatelessReset,
  ResetTokens,
} from "./connection-id.ts";

describe("destinationKey", () => {
  test("finds the connection ID of both header forms", () => {
    const id = createConnectionId();
    const short = Buffer.concat([Buffer.of(0x41), id, Buffer.alloc(20)]);
    expect(destinationKey(short)).toBe(connectionIdKey(id));
    const long = Buffer.concat([Buffer.of(0xc3, 0, 0, 0, 1, id.length), id, Buffer.alloc(20)]);
    expect(destinationKey(long)).toBe(connectionIdKey(id));
  });

  test("finds none in packets that are too short or absurd", () => {
    expect(destinationKey(Buffer.alloc(0))).toBeUndefined();
    expect(destinationKey(Buffer.alloc(1 + CONNECTION_ID_BYTES, 0x40))).toBeUndefined();
    expect(destinationKey(Buffer.of(0xc0, 0, 0, 0, 1))).toBeUndefined();
    expect(destinationKey(Buffer.from([0xc0, 0, 0, 0, 1, 21, ...new Array(30).fill(0)]))).toBeUndefined();
    expect(destinationKey(Buffer.of(0xc0, 0, 0, 0, 1, 8, 1, 2))).toBeUndefined();
  });
});

describe("encodeStatelessReset", () => {
  test("is shorter than what it answers and ends with the token of its connection ID", () => {
    const tokens = new ResetTokens(Buffer.alloc(32, 1));
    const id = createConnectionId();
    const packet = Buffer.concat([Buffer.of(0x41), id, Buffer.alloc(40)]);
    const reset = encodeStatelessReset(packet, tokens);
    expect(reset?.length).toBeLessThan(packet.length);
    expect(reset?.subarray(-16)).toEqual(tokens.tokenOf(id));
    expect((reset?.[0] ?? 0) & 0xc0).toBe(0x40);
    expect(encodeStatelessReset(packet.subarray(0, 21), tokens)).toBeUndefined();
  });

  test("writes the token as the engine's number", () => {
    const tokens = new ResetTokens(Buffer.alloc(32, 2));
    const id = createConnectionId();
    const hex = tokens.numberOf(id).toString(16).padStart(32, "0");
    expect(hex).toBe(tokens.tokenOf(id).toString("hex"));
  });
});
