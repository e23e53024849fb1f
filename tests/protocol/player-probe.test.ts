import { MoqUpstream } from "@canopy/player";
import { type AnnounceResponder, forwardEvents, MoqSession, type Version } from "@canopy/protocol";
import { createMemoryPair } from "@canopy/transport/memory";
import { describe, expect, it } from "vitest";
import { PROTOCOL_OF_VERSION, RecordingHandler } from "./session-pair.ts";

/** An edge that answers announce requests as long as it lives, and a player's upstream that is connected to it. */
async function connect(version: Version) {
  const pair = createMemoryPair({ protocol: PROTOCOL_OF_VERSION[version] });
  const edge = { lives: true, requests: [] as AnnounceResponder[] };
  const handler = new RecordingHandler();
  handler.onAnnounceRequest = (request) => {
    edge.requests.push(request);
    if (edge.lives) request.start([{ path: "live/test", hops: [7] }]);
  };
  const server = new MoqSession({ wire: pair.server, role: "server", originId: 7 }, handler);
  pair.server.handler = forwardEvents(server);
  const nothing = (): void => {};
  const closed: unknown[] = [];
  const upstream = new MoqUpstream(
    {
      transport: "webtransport",
      dial: () => Promise.resolve({ session: pair.client, timeBaseUrl: "http://edge.test/", handshakeMs: 0 }),
    },
    {
      src: "https://edge.test/",
      broadcast: "live/test",
      token: undefined,
      latencyMs: 100,
      isSync: false,
      mediaElement: undefined,
      canPaint: false,
    },
    {
      onConnected: nothing,
      onCatalog: nothing,
      onGroupOpen: nothing,
      onFrame: nothing,
      onGroupEnd: nothing,
      onDecodedFrame: nothing,
      onElementSound: nothing,
      onElementFrame: nothing,
      onElementTime: nothing,
      onElementReset: nothing,
      onElementSoundBlocked: nothing,
      onTimed: nothing,
      onTimedReady: nothing,
      onAnnounced: nothing,
      onEnded: nothing,
      onMove: nothing,
      onClosed: (error) => closed.push(error),
    },
    { clock: { nowUs: () => 0 }, fetch, serverOffsetUs: () => undefined, targetLatencyMs: () => 100 },
  );
  await new Promise(setImmediate);
  pair.clock.run();
  return { upstream, edge, closed, run: () => pair.clock.run() };
}

describe("MoqUpstream", () => {
  it.each(["lite-05", "lite-04", "lite-03", "lite-02"] as const)(
    "gets a sign of life on the session from an edge that lives, over %s, and none from one that does not",
    async (version) => {
      const { upstream, edge, closed, run } = await connect(version);
      let answers = 0;
      upstream.probe(() => {
        answers += 1;
      });
      expect(answers).toBe(0);
      run();
      expect(answers).toBe(1);
      run();
      expect(answers).toBe(1);
      edge.lives = false;
      const withdraw = upstream.probe(() => {
        answers += 1;
      });
      run();
      withdraw();
      edge.requests.at(-1)?.start([]);
      run();
      expect(answers).toBe(1);
      expect(closed).toEqual([]);
      upstream.close();
    },
  );
});
