export { goawayCodec } from "../lite-05/goaway.ts";
