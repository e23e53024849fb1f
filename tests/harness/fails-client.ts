import type { Session } from "@canopy/transport";
import { connectFailsWebSocket } from "@canopy/transport/browser";
import { WebSocket } from "ws";

/** A browser's WebSocket that takes any certificate. */
class TrustingWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { rejectUnauthorized: false, perMessageDeflate: false });
  }
}

type Load = NonNullable<Parameters<typeof connectFailsWebSocket>[1]["load"]>;

/** The part of the package that is for browsers; by its name Node gets the other one. */
const load: Load = async () => {
  const file = import.meta.resolve("@fails-components/webtransport");
  const module = (await import(/* @vite-ignore */ file.replace("index.node.js", "index.browser.js"))) as {
    readonly WebTransportPonyfill: Awaited<ReturnType<Load>>;
  };
  return module.WebTransportPonyfill;
};

/** A session of `@fails-components/webtransport` over WebSocket from this process, by the package's client for browsers. */
export function dialFails(url: URL, protocols: readonly string[]): Promise<Session> {
  const scope = globalThis as unknown as Record<string, unknown>;
  scope.WebSocket = TrustingWebSocket;
  if (scope.navigator === undefined) scope.navigator = {};
  return connectFailsWebSocket(`wss://${url.host}/`, { protocols, load, connectTimeoutMs: 60_000 });
}
