import { describe, expect, it } from "vitest";
import type { AnnounceResponder } from "../session-interface.ts";
import { ServedBroadcast } from "./served-broadcast.ts";

function ask(broadcast: ServedBroadcast) {
  const told: string[] = [];
  const request: AnnounceResponder = {
    prefix: "live",
    excludeHop: 0,
    start: (active) => told.push(...active.map(({ path }) => `active ${path}`)),
    active: () => {},
    ended: (path) => told.push(`ended ${path}`),
    finish: () => told.push("finished"),
    reject: () => {},
    onClosed: undefined,
  };
  broadcast.handler({ onReady: () => {}, onGoaway: () => {} }).onAnnounceRequest(request);
  return { request, told };
}

describe("ServedBroadcast", () => {
  it("says when every peer has read that it is over, or is gone", () => {
    const broadcast = new ServedBroadcast("live/demo", []);
    const gone = ask(broadcast);
    const peers = [ask(broadcast), ask(broadcast)];
    gone.request.onClosed?.();
    let heard = 0;
    broadcast.end(() => {
      heard += 1;
    });
    expect(gone.told).toEqual(["active live/demo"]);
    for (const { request, told } of peers) {
      expect(told).toEqual(["active live/demo", "ended live/demo", "finished"]);
      expect(heard).toBe(0);
      request.onClosed?.();
    }
    expect(heard).toBe(1);
  });

  it("says so at once where nobody has asked for it", () => {
    let heard = 0;
    new ServedBroadcast("live/demo", []).end(() => {
      heard += 1;
    });
    expect(heard).toBe(1);
  });
});
