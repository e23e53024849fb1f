import { HTTP3_ADD_ON, loadHttp3Server } from "@canopy/transport/fails";
import { describe, expect, it } from "vitest";
import { openViewer } from "../harness/browser-viewer.ts";
import { CANOPY_COMMAND, startCanopyDev } from "../harness/canopy-dev.ts";
import { startProcess } from "../harness/child-process.ts";
import { launchChromium } from "../harness/chromium.ts";
import { findFreePorts } from "../harness/free-ports.ts";

const DEMO = "live/demo";

const isInstalled = await loadHttp3Server().then(
  () => true,
  () => false,
);

function startEdge(port: number, parent: string) {
  const args = ["edge", "--host", "127.0.0.1", "--port", String(port), "--no-webrtc", "--allow-anonymous"];
  args.push("--parent", parent, "--quic-engine", "fails", "--drain-time", "0");
  return startProcess(process.execPath, [CANOPY_COMMAND, ...args]);
}

if (isInstalled) {
  describe("an edge with the HTTP/3 engine of fails-components", () => {
    it("is what the player in Chromium plays from over WebTransport", async () => {
      await using dev = await startCanopyDev({ edges: 1, broadcaster: true });
      const port = await findFreePorts(1);
      await using edge = startEdge(port, dev.relay.replace("http:", "https:"));
      await edge.printed(/the node listens/);
      await using chromium = await launchChromium();
      const viewer = await openViewer(chromium, {
        console: dev.console,
        src: [`http://127.0.0.1:${port}`],
        broadcast: DEMO,
        query: { transports: "webtransport" },
      });
      await viewer.presents(60);
      const { state, transport } = await viewer.stats();
      expect([state, transport]).toEqual(["playing", "webtransport"]);
      expect(viewer.errors).toEqual([]);
    });
  });
} else {
  console.log(
    `not run: the player on the HTTP/3 engine of fails-components, because ${HTTP3_ADD_ON} is not installed`,
  );

  describe("canopy edge --quic-engine fails without its add-on", () => {
    it("exits with 2 and says what to install", async () => {
      await using edge = startEdge(await findFreePorts(1), "https://127.0.0.1:1");
      expect(await edge.exited).toBe(2);
      expect(edge.output()).toContain("--quic-engine fails");
      expect(edge.output()).toContain(`${HTTP3_ADD_ON}@1.6.8`);
    });
  });
}
