import { MoqSession } from "@canopy/protocol";
import type { CreateMoqConnection } from "./moq-connection.ts";

/** Reports of the sending rate are offered (PROBE level 1), so that players can choose a rendition. */
const PROBE_LEVEL = 1;

/** The protocol session over a transport session. */
export const createMoqSession: CreateMoqConnection = ({ wire, role, originId, path, nowUs }, handler) =>
  new MoqSession(
    {
      wire,
      role,
      originId,
      probeLevel: PROBE_LEVEL,
      stampTimestamp: nowUs,
      ...(path === undefined ? {} : { path }),
    },
    handler,
  );
