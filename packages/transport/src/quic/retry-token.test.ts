import { describe, expect, test } from "vitest";
import { RetryTokens } from "./retry-token.ts";

const original = Buffer.from("0102030405060708", "hex");
const retryId = Buffer.alloc(16, 9);

describe("RetryTokens", () => {
  test("gives the original connection ID back to the same address in time", () => {
    const tokens = new RetryTokens();
    const token = tokens.encode("192.0.2.1:4433", original, retryId, 1_000);
    expect(tokens.decode(token, "192.0.2.1:4433", retryId, 5_000)).toEqual(original);
  });

  test("refuses another address, another connection ID, another key and a late token", () => {
    const tokens = new RetryTokens();
    const token = tokens.encode("192.0.2.1:4433", original, retryId, 1_000);
    expect(tokens.decode(token, "192.0.2.1:4434", retryId, 5_000)).toBeUndefined();
    expect(tokens.decode(token, "192.0.2.1:4433", Buffer.alloc(16, 8), 5_000)).toBeUndefined();
    expect(tokens.decode(token, "192.0.2.1:4433", retryId, 12_000)).toBeUndefined();
    expect(new RetryTokens().decode(token, "192.0.2.1:4433", retryId, 5_000)).toBeUndefined();
  });

  test("refuses every truncation, every changed byte and any other length", () => {
    const tokens = new RetryTokens();
    const token = tokens.encode("a", original, retryId, 0);
    for (let index = 0; index < token.length; index += 1) {
      expect(tokens.decode(token.subarray(0, index), "a", retryId, 0)).toBeUndefined();
      const changed = Buffer.from(token);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(tokens.decode(changed, "a", retryId, 0)).toBeUndefined();
    }
    expect(tokens.decode(Buffer.alloc(200), "a", retryId, 0)).toBeUndefined();
  });
});
