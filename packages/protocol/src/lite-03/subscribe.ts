export { subscribeCodec } from "../lite-04/subscribe.ts";
