import type { MessageCodec } from "../dialect.ts";

/** GOAWAY exists since lite-04 (moq-digest §1.4). */
export const goawayCodec: MessageCodec<string> | undefined = undefined;
