import { delay } from "@canopy/runtime";
import type { NodeServer } from "./node-server.ts";

/** How often a draining node looks whether everybody has left. */
const POLL_INTERVAL_MS = 100;

export interface DrainOptions {
  /** How long sessions have to leave. */
  readonly timeoutMs: number;
  /** Where they are sent; "" = to another parent or edge of their own choice. */
  readonly uri: string;
}

/** Refuses new sessions, asks those that are open to go elsewhere, and waits until they have or the time is over. */
export async function drainNode(
  node: { readonly server: NodeServer; readonly relay: { drain(uri: string): void } },
  options: DrainOptions,
): Promise<void> {
  if (options.timeoutMs <= 0) return;
  node.server.drain();
  node.relay.drain(options.uri);
  const endsAt = performance.now() + options.timeoutMs;
  while (node.server.gate.size > 0 && performance.now() < endsAt) await delay(POLL_INTERVAL_MS);
}
