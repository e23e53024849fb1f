import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { type PostedMessage, postTimed } from "../harness/post-timed.ts";
import { waitFor } from "../harness/wait-for.ts";

const DEMO = "live/demo";

let dev: CanopyDev;
let edge: StartedProcess;
let edgeUrl: string;
let chromium: TestChromium;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-mapping-"));
  const { certPem, keyPem } = await createDevelopmentCertificate(["127.0.0.1"]);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem);
  dev = await startCanopyDev({ edges: 1, broadcaster: true });
  // An edge with TLS: the package's client knows no other.
  const port = await findFreePorts(1);
  edgeUrl = `https://127.0.0.1:${port}`;
  const args = ["edge", "--host", "127.0.0.1", "--port", String(port), "--no-webrtc", "--allow-anonymous"];
  args.push("--parent", dev.relay.replace("http:", "https:"), "--tls-cert", cert, "--tls-key", key);
  args.push("--webtransport-over-websocket", "--drain-time", "0");
  edge = startProcess(process.execPath, [CANOPY_COMMAND, ...args]);
  await edge.printed(/the node listens/);
  chromium = await launchChromium({ args: ["--ignore-certificate-errors"] });
});

afterAll(async () => {
  await chromium?.close();
  await edge?.stop();
  await dev?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function watch(mapping: string): Promise<BrowserViewer> {
  return openViewer(chromium, {
    console: dev.console,
    src: [edgeUrl],
    broadcast: DEMO,
    query: { transports: "websocket", "websocket-mapping": mapping },
  });
}

describe("the player over WebSocket", () => {
  it.each(["webtransport", "qmux"])("plays by the mapping %s, with every message once", async (mapping) => {
    const viewer = await watch(mapping);
    const requests: string[] = [];
    viewer.page.on("request", (request) => requests.push(request.url()));
    await viewer.presents(30);
    const posted: PostedMessage[] = [];
    for (let index = 0; index < 20; index += 1) {
      posted.push(await postTimed(dev.origin, DEMO, { type: "cue", data: index, delayMs: 100 }));
    }
    const ids = posted.map(({ id }) => id);
    // Playback begins with a keyframe that may be older than this test, and so may be messages behind it.
    const own = async () => (await viewer.fired()).map(({ id }) => id).filter((id) => ids.includes(id));
    await waitFor("all messages", async () => (await own()).length >= ids.length);
    expect(await own()).toEqual(ids);
    expect((await viewer.plays()).transport).toBe("websocket");
    // On a loopback host the player asks in plain HTTP first.
    expect(viewer.errors.filter((text) => !text.includes("ERR_EMPTY_RESPONSE"))).toEqual([]);
    // The package's probe of the browser stays inside.
    expect(requests.filter((url) => !url.includes("127.0.0.1"))).toEqual([]);
    await viewer.close();
  });
});
