import type { DatagramMessage, MessageCodec } from "../dialect.ts";

/** Groups go in datagrams since lite-05 only (moq-lite, datagrams). */
export const datagramCodec: MessageCodec<DatagramMessage> | undefined = undefined;
