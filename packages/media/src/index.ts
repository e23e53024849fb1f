export { MediaError, type MediaErrorCode, type MediaErrorDetails } from "./media-error.ts";
