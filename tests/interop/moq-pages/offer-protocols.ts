/**
 * Makes a page's WebTransport offer these subprotocols only; none at all makes it say its version in a SETUP
 * message. Runs in the page before its scripts, so it must not use anything from outside. Notes what was agreed in
 * `window.agreedProtocols`, one entry per established session.
 */
export function offerProtocols(protocols: readonly string[]): void {
  const agreed: string[] = [];
  Object.assign(window, { agreedProtocols: agreed });
  interface Options {
    protocols?: readonly string[];
  }
  const Original = window.WebTransport as unknown as {
    new (
      url: string | URL,
      options?: Options,
    ): { readonly ready: Promise<unknown>; readonly protocol?: string };
  };
  class RestrictedWebTransport extends Original {
    constructor(url: string | URL, options: Options = {}) {
      const { protocols: offered = [], ...rest } = options;
      const kept = offered.filter((protocol) => protocols.includes(protocol));
      super(url, kept.length === 0 ? rest : { ...rest, protocols: kept });
      this.ready.then(
        () => agreed.push(this.protocol ?? ""),
        () => {},
      );
    }
  }
  Object.assign(window, { WebTransport: RestrictedWebTransport });
}

/** Leaves a page no WebTransport, as in Safari or behind a network without UDP, and notes what its WebSockets agree. */
export function leaveOnlyWebSocket(): void {
  const agreed: string[] = [];
  Object.assign(window, { agreedProtocols: agreed, WebTransport: undefined });
  interface Stream {
    readonly opened: Promise<{ readonly protocol: string }>;
  }
  // Not in TypeScript's library, but in Chromium, where it is what the other implementation uses.
  const { WebSocketStream: Original } = window as unknown as {
    WebSocketStream: new (url: string, options?: object) => Stream;
  };
  class NotedWebSocketStream extends Original {
    constructor(url: string, options?: object) {
      super(url, options);
      this.opened.then(
        ({ protocol }) => agreed.push(protocol),
        () => {},
      );
    }
  }
  Object.assign(window, { WebSocketStream: NotedWebSocketStream });
}
