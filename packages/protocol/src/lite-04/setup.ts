import type { SetupCodec } from "../dialect.ts";

/** The subprotocol alone agrees on the version (moq-lite, SETUP). */
export const setupCodec: SetupCodec = { kind: "none" };
