import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** Another mapping on the upgrades of the same HTTP server. */
export interface UpgradeTaker extends AsyncDisposable {
  /** Sessions and upgrades under way. */
  readonly size: number;
  /** Whether the upgrade is its own; then it answers. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Ends all sessions. Idempotent. */
  close(): Promise<void>;
}
