import { createSocket, type Socket } from "node:dgram";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import type { TestChromium } from "../harness/chromium.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/demo";
const FRAMES = 30;
/** The budget is one second; this machine may be busy with other things. */
const MAX_JOIN_MS = 5_000;

/** On the first edge the sessions are counted: the test that does so has it for itself. */
const stage = useDevInChromium({ edges: 2, picture: MEDIUM_PICTURE });
/** Takes packets and says nothing, as a firewall does. */
let blackHole: Socket;
/** Takes connections and says nothing. */
let silent: Server;

beforeAll(async () => {
  blackHole = createSocket("udp4");
  await new Promise<void>((resolve) => blackHole.bind(0, "127.0.0.1", resolve));
  silent = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  blackHole?.close();
  silent?.close();
});

/** Runs in the page before its scripts: every WebTransport session goes to another UDP port. */
function divertWebTransport(port: number): void {
  const Original = window.WebTransport;
  class Diverted extends Original {
    constructor(url: string | URL, options?: WebTransportOptions) {
      const diverted = new URL(url);
      diverted.port = String(port);
      super(diverted.href, options);
    }
  }
  Object.assign(window, { WebTransport: Diverted });
}

function removeWebTransport(): void {
  Object.assign(window, { WebTransport: undefined });
}

/** What the page has dialled. */
interface Dialled {
  readonly sockets: WebSocket[];
  /** How many of them there were when a WebTransport session was first ready. */
  socketsAtReady?: number;
}

/** Every WebSocket goes to another TCP port, and what is dialled is noted. */
function divertWebSocket(port: number): void {
  const dialled: Dialled = { sockets: [] };
  class Diverted extends window.WebSocket {
    constructor(_url: string | URL, protocols?: string | string[]) {
      super(`ws://127.0.0.1:${port}`, protocols);
      dialled.sockets.push(this);
    }
  }
  class Watched extends window.WebTransport {
    constructor(url: string | URL, options?: WebTransportOptions) {
      super(url, options);
      this.ready.then(
        () => {
          dialled.socketsAtReady ??= dialled.sockets.length;
        },
        () => {},
      );
    }
  }
  Object.assign(window, { WebSocket: Diverted, WebTransport: Watched, dialled });
}

/** The watch page as it is, with something of the browser taken away before its scripts run. */
async function openWithout(
  script: (port: number) => void,
  src: readonly string[],
  diversion: Socket | Server = blackHole,
): Promise<BrowserViewer> {
  const { port } = diversion.address() as AddressInfo;
  const { chromium, dev } = stage;
  const lame: TestChromium = {
    ...chromium,
    openPage: async (url) => {
      const opened = await chromium.openPage(url);
      await opened.page.addInitScript(script, port);
      return opened;
    },
  };
  return openViewer(lame, { console: dev.console, src, broadcast: BROADCAST });
}

describe.concurrent("the player without UDP", () => {
  it("plays over WebSocket by itself, and the next time at once", async () => {
    const [edge = ""] = stage.dev.edges;
    const viewer = await openWithout(divertWebTransport, [edge]);
    await viewer.presents(FRAMES);
    const stats = await viewer.stats();
    console.log(`UDP swallowed: first picture ${stats.joinMs?.toFixed(0)} ms after play()`);
    expect(stats.transport).toBe("websocket");
    expect(stats.transportReason).toContain("WebTransport had no session");
    expect(stats.joinMs).toBeLessThan(MAX_JOIN_MS);
    expect(stats.gaps).toBe(0);
    expect(await metric(edge, 'canopy_sessions{transport="websocket"}')).toBe(1);
    expect(await metric(edge, 'canopy_sent_bytes_total{transport="websocket"}')).toBeGreaterThan(10_000);

    await viewer.page.reload({ waitUntil: "commit" });
    await viewer.until("the player again", ({ presentedFrames }) => presentedFrames > 0);
    const again = await viewer.stats();
    console.log(`UDP swallowed, remembered: first picture ${again.joinMs?.toFixed(0)} ms after play()`);
    expect(again.transport).toBe("websocket");
    expect(again.transportReason).toContain("lately");
    await viewer.close();
    await waitFor(
      "the session to end",
      async () => (await metric(edge, 'canopy_sessions{transport="websocket"}')) === 0,
    );
  });

  it("plays over WebSocket in a browser without WebTransport, and says why", async () => {
    const [, edge = ""] = stage.dev.edges;
    const viewer = await openWithout(removeWebTransport, [edge]);
    await viewer.presents(FRAMES);
    const stats = await viewer.stats();
    expect(stats.transport).toBe("websocket");
    expect(stats.transportReason).toBe("webtransport: this browser has no WebTransport");
    await viewer.close();
  });
});

describe("the player with UDP", () => {
  // A handshake of over a quarter of a second gets a WebSocket beside it, rightly: here it gets no answer.
  it("does not open a WebSocket where WebTransport has a session", async () => {
    const viewer = await openWithout(divertWebSocket, stage.dev.edges, silent);
    await viewer.presents(FRAMES);
    const stats = await viewer.stats();
    expect([stats.transport, stats.transportReason]).toEqual(["webtransport", undefined]);
    const { dialled, dialledAtReady, left } = await viewer.page.evaluate(() => {
      const { sockets, socketsAtReady } = (window as unknown as { dialled: Dialled }).dialled;
      const left = sockets.filter(({ readyState }) => readyState < WebSocket.CLOSING);
      return { dialled: sockets.length, dialledAtReady: socketsAtReady, left: left.length };
    });
    expect(dialled).toBe(dialledAtReady);
    expect(left).toBe(0);
    await viewer.close();
  });
});
