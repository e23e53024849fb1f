export { groupCodec } from "../lite-04/group.ts";
