import type { GroupCodec } from "../dialect.ts";
import { groupHeader } from "../lite-05/group.ts";

/** As lite-05, but frames have no timestamp delta (moq-lite, GROUP). */
export const groupCodec: GroupCodec = { header: groupHeader, timestamps: false };
