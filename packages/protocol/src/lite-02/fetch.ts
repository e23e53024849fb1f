export { fetchCodec } from "../lite-03/fetch.ts";
