import type { SetupCodec } from "../dialect.ts";

/** The subprotocol alone agrees on the version (moq-digest §1.3). */
export const setupCodec: SetupCodec = { kind: "none" };
