export { groupCodec } from "../lite-03/group.ts";
