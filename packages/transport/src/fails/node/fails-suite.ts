import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { WebSocket } from "ws";
import { connectFailsWebSocket } from "../../browser/connect-fails-web-socket.ts";
import type { PonyfillClass } from "../../browser/load-ponyfill.ts";
import { createDevelopmentCertificate } from "../../quic/certificate.ts";
import { QuicLoop } from "../../quic/quic-loop.ts";
import type { Session } from "../../session.ts";
import { serveWebSockets } from "../../websocket/serve-web-sockets.ts";
import { settle } from "../../websocket/web-socket-suite.ts";
import type { FailsLimits } from "../fails-limits.ts";
import { serveFailsWebSockets } from "./serve-fails-web-sockets.ts";

export const PROTOCOLS = ["moq-lite-05", "moq-lite-04"];

/** A browser's WebSocket that takes any certificate. */
export class TrustingWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { rejectUnauthorized: false, perMessageDeflate: false });
  }
}

/** Puts into this process what the package looks for in a browser; returns what takes it out again. */
export function pretendBrowser(): () => void {
  const scope = globalThis as unknown as Record<string, unknown>;
  const { WebSocket: before, navigator = {} } = scope;
  scope.WebSocket = TrustingWebSocket;
  // The package's client asks it for the round-trip time.
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  return () => {
    scope.WebSocket = before;
  };
}

/** The part of the package that is for browsers; by its name Node gets the other one. */
export async function load(): Promise<PonyfillClass> {
  const file = "../../../node_modules/@fails-components/webtransport/lib/index.browser.js";
  const module = (await import(/* @vite-ignore */ new URL(file, import.meta.url).href)) as {
    readonly WebTransportPonyfill: PonyfillClass;
  };
  return module.WebTransportPonyfill;
}

export async function openServer(limits: Partial<FailsLimits> = {}) {
  const { certPem, keyPem } = await createDevelopmentCertificate(["127.0.0.1"]);
  const http = createServer({ cert: certPem, key: keyPem });
  const sessions: Session[] = [];
  const handler = {
    onRequest: ({ path, protocols }: { readonly path: string; readonly protocols: readonly string[] }) =>
      path.startsWith("/no")
        ? ({ accept: false, status: 403, reason: "not here" } as const)
        : ({ accept: true, protocol: protocols[0] ?? "" } as const),
    onSession: (session: Session) => void sessions.push(session),
  };
  const other = serveFailsWebSockets({ protocols: PROTOCOLS, limits }, handler);
  const sockets = serveWebSockets({ protocols: PROTOCOLS }, handler, {
    server: http,
    loop: new QuicLoop({ flush: 0 }),
    other,
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    sessions,
    sockets,
    url: `wss://127.0.0.1:${port}/live?jwt=x`,
    port,
    close: async () => {
      await sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

export async function openPair(limits: Partial<FailsLimits> = {}) {
  const endpoint = await openServer(limits);
  const client = await connectFailsWebSocket(endpoint.url, { protocols: PROTOCOLS, load, limits });
  await settle(() => endpoint.sessions.length === 1);
  const [server] = endpoint.sessions;
  if (server === undefined) throw new Error("no session");
  return {
    client,
    server,
    endpoint,
    close: async () => {
      client.close(0, "");
      await endpoint.close();
    },
  };
}
