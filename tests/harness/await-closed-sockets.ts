import { afterAll, expect } from "vitest";

/** A QUIC connection is over sooner, also one whose peer answered late; one that was forgotten is idle for longer. */
const WITHIN_MS = 25_000;
/** As Node.js names them. */
const SOCKETS = new Set(["UDPWrap", "TCPServerWrap", "TCPSocketWrap"]);

const openSockets = (): string[] => process.getActiveResourcesInfo().filter((name) => SOCKETS.has(name));

// Files of a process follow each other: what a session that is still being closed does with timers would be counted
// among those of the next file, which may have replaced the clock.
afterAll(async () => {
  const deadlineMs = performance.now() + WITHIN_MS;
  while (openSockets().length > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(openSockets(), "sockets that a test of this file left open").toEqual([]);
}, 2 * WITHIN_MS);
