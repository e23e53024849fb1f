export { trackCodec } from "../lite-04/track.ts";
