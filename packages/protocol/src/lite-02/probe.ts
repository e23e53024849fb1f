import type { MessageCodec, ProbeReport } from "../dialect.ts";

/** PROBE exists since lite-03 (moq-digest §1.4). */
export const probeCodec: MessageCodec<ProbeReport> | undefined = undefined;
