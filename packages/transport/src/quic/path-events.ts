import type { NativeConnection, NativePathEvent } from "./native.ts";
import type { QuicCounters } from "./quic-counters.ts";

/** Reads what the engine tells of its paths. True if it has to be asked again when further packets come. */
export function readPathEvents(native: NativeConnection, counters: QuicCounters): boolean {
  let askAgain = false;
  for (;;) {
    // The binding's declaration leaves out that there may be none.
    const event = native.pathEventNext() as NativePathEvent | null;
    if (event === null) return askAgain;
    if (event.type === "PeerMigrated") counters.migrations += 1;
    // A path is validated some packets later.
    if (event.type === "New" || event.type === "ReusedSourceConnectionId") askAgain = true;
  }
}
