import { framePayload, MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode } from "@canopy/relay";
import { createSessionListener, developmentHosts, NodeServer } from "@canopy/relay/node";
import { createClock, createMetrics, createSilentLogger, Lifetime } from "@canopy/runtime";
import { createDevelopmentCertificate, QuicLoop } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/synthetic";
const GROUPS = 4;
const FRAMES_PER_GROUP = 30;

const logger = createSilentLogger();
const clock = createClock();
const lifetime = new Lifetime({ logger });
const loop = new QuicLoop({ flush: 0 });
const metrics = createMetrics({ processMetrics: false });
let url: string;
let source: SyntheticBroadcast;

beforeAll(async () => {
  const relay = lifetime.own("relay", new RelayNode({ name: "root", tier: 0 }, { logger, metrics, clock }));
  relay.start();
  source = new SyntheticBroadcast(relay.store, { path: BROADCAST });
  const options = { protocols: MOQ_PROTOCOLS, maxSessions: 100, maxSessionsPerAddress: 100 };
  const server = await NodeServer.open(
    { ...options, host: "127.0.0.1", port: 0, portOption: "port", tls: undefined, allowAnonymous: true },
    {
      node: relay,
      logger,
      metrics,
      clock,
      verifier: undefined,
      listenSessions: createSessionListener(options, { logger, loop }),
      createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts("127.0.0.1")),
    },
  );
  lifetime.own("server", server);
  url = `http://127.0.0.1:${server.port}`;
});

afterAll(async () => {
  source[Symbol.dispose]();
  expect(await lifetime.close()).toBe(true);
});

describe("MoQ over WebSocket", () => {
  it.each(MOQ_PROTOCOLS)(
    "brings every frame of every group in order to viewers that speak %s",
    async (protocol) => {
      const seen: string[] = [];
      source.writePicture();
      const viewers = await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          MoqViewer.connect({
            url,
            broadcast: BROADCAST,
            tracks: ["video"],
            transport: "websocket",
            protocol,
            // None of this is late, however busy the machine is.
            maxLatencyMs: 60_000,
            onFrame: (_track, sequence, frame) => {
              // Older versions have no timestamp of their own; the container's stands in the payload.
              if (index === 0)
                seen.push(`${sequence}:${Buffer.from(framePayload(frame)).toString("hex", 0, 40)}`);
            },
          }),
        ),
      );
      await waitFor("a first frame", () => viewers.every((viewer) => viewer.view("video").frames > 0));
      const first = viewers.map((viewer) => viewer.view("video").frames);
      for (let picture = 0; picture < GROUPS * FRAMES_PER_GROUP; picture += 1) {
        source.writePicture();
        if (picture % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await waitFor("all frames", () =>
        viewers.every(
          (viewer, index) => viewer.view("video").frames === (first[index] ?? 0) + GROUPS * FRAMES_PER_GROUP,
        ),
      );
      expect(new Set(seen).size).toBe(seen.length);
      for (const viewer of viewers) {
        const { groupsAborted, sequences } = viewer.view("video");
        expect(groupsAborted).toBe(0);
        expect([...sequences].sort((a, b) => a - b)).toEqual(sequences);
        viewer.close();
      }
    },
  );

  it("counts its sessions and bytes under their own label, and forgets them", async () => {
    const viewer = await MoqViewer.connect({
      url,
      broadcast: BROADCAST,
      tracks: ["catalog.json"],
      transport: "websocket",
    });
    await waitFor("the catalog", () => viewer.view("catalog.json").frames === 1);
    expect(metrics.value("canopy_sessions", "websocket")).toBe(1);
    expect(metrics.value("canopy_sessions", "webtransport")).toBe(0);
    expect(metrics.value("canopy_sent_bytes_total", "websocket")).toBeGreaterThan(1_000_000);
    expect(metrics.value("canopy_received_bytes_total", "websocket")).toBeGreaterThan(100);
    viewer.close();
    await waitFor("the end", () => metrics.value("canopy_sessions", "websocket") === 0);
  });
});
