export { trackCodec, trackInfoWithoutTimescale } from "../lite-04/track.ts";
