export { datagramCodec } from "../lite-03/datagram.ts";
