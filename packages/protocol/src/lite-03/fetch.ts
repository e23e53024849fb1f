export { fetchCodec } from "../lite-04/fetch.ts";
