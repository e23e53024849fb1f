import type { FetchMessage, MessageCodec } from "../dialect.ts";

/** No implementation has FETCH before lite-05 (moq-lite, stream types). */
export const fetchCodec: MessageCodec<FetchMessage> | undefined = undefined;
