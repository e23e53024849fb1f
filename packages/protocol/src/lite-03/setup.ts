export { setupCodec } from "../lite-04/setup.ts";
