import type { FetchMessage, MessageCodec } from "../dialect.ts";

/** No implementation has FETCH before lite-05 (moq-digest §1.4). */
export const fetchCodec: MessageCodec<FetchMessage> | undefined = undefined;
