export { goawayCodec } from "../lite-03/goaway.ts";
