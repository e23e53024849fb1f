import type { Dialect } from "./dialect.ts";
import { lite02 } from "./lite-02/dialect.ts";
import { lite03 } from "./lite-03/dialect.ts";
import { lite04 } from "./lite-04/dialect.ts";
import { lite05 } from "./lite-05/dialect.ts";

/** ALPN tokens and WebTransport subprotocols that this package speaks, best first (moq-lite, versions). */
export const MOQ_PROTOCOLS: readonly string[] = ["moq-lite-05", "moq-lite-04", "moq-lite-03", "moql"];

/** The first of the client's `offered` tokens that this package speaks, as moq-relay chooses. */
export function chooseProtocol(offered: readonly string[]): string | undefined {
  return offered.find((token) => MOQ_PROTOCOLS.includes(token));
}

/** The dialect that a token agrees on; undefined for `moql` and none, where the legacy SETUP does. */
export function dialectOfProtocol(protocol: string): Dialect | undefined {
  switch (protocol) {
    case "moq-lite-05":
      return lite05;
    case "moq-lite-04":
      return lite04;
    case "moq-lite-03":
      return lite03;
    default:
      return undefined;
  }
}

/** What the legacy SETUP agrees on. */
export const LEGACY_DIALECT: Dialect = lite02;
