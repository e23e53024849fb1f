export { probeCodec } from "../lite-05/probe.ts";
