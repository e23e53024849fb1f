import type { MessageCodec, ProbeReport } from "../dialect.ts";

/** PROBE exists since lite-03 (moq-lite, stream types). */
export const probeCodec: MessageCodec<ProbeReport> | undefined = undefined;
