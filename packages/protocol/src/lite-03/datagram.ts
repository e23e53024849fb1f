export { datagramCodec } from "../lite-04/datagram.ts";
