/** What of the package's client is used below its Web streams. */
export interface PonyfillClient {
  closeHookSession(): void;
}

/** An object of the package's `WebTransportPonyfill`, which is WebTransport over WebSocket alone. */
export interface Ponyfill {
  createClient(options: object): { client: PonyfillClient; sessionint: unknown };
}

export type PonyfillClass = new (url: string, options: object) => Ponyfill;

/** Where the package connects to as soon as it is loaded, to find out what the browser's WebTransport can. */
const PROBE_URL = "https://example.com:23333/test";

/**
 * Loads the package when somebody wants it. Its probe of the browser would connect every viewer to a stranger's host, so
 * that one constructor call is refused, as by a browser that cannot pin certificates, which is of no matter here.
 */
export async function loadPonyfill(): Promise<PonyfillClass> {
  const scope = globalThis as { WebTransport?: typeof WebTransport };
  const { WebTransport: real } = scope;
  if (real === undefined) return importPonyfill();
  scope.WebTransport = new Proxy(real, {
    construct: (target, args: [string, WebTransportOptions?]) => {
      if (args[0] === PROBE_URL) throw new DOMException("not probed", "NotSupportedError");
      return new target(...args);
    },
  });
  try {
    return await importPonyfill();
  } finally {
    scope.WebTransport = real;
  }
}

async function importPonyfill(): Promise<PonyfillClass> {
  const { WebTransportPonyfill } = await import("@fails-components/webtransport");
  return WebTransportPonyfill;
}
