import type { MessageCodec } from "../dialect.ts";

/** GOAWAY exists since lite-04 (moq-lite, stream types). */
export const goawayCodec: MessageCodec<string> | undefined = undefined;
