/** What is used of the package, whose own types name neither what is below its Web streams nor both of its ends at once. */
declare module "@fails-components/webtransport" {
  /** In Node. */
  export const Http2Server: new (
    options: object,
  ) => {
    transportInt: {
      readonly serverInt: { emit(event: "upgrade", ...args: unknown[]): boolean };
      addPath(path: string): void;
    };
    createTransportInt(): Promise<void>;
  };
  /** In Node, with the add-on. The methods are called by the engine. */
  export class Http3Server {
    constructor(options: object);
    readonly transportInt: {
      readonly socket: { readonly socketInt: import("node:dgram").Socket };
      /** Whether requests are asked about, or let in by their path. */
      setJSRequestHandler(asks: boolean): void;
      finishSessionRequest(answer: object): void;
    };
    readonly port: number | null;
    readonly ready: Promise<void>;
    readonly closed: Promise<void>;
    createTransportInt(): Promise<void>;
    stopServer(): void;
    onSessionRequest(request: object): void;
    onHttpWTSessionVisitor(opened: object): void;
    onServerListening(event: { readonly host?: string; readonly port?: number }): void;
  }
  /** In browsers. */
  export const WebTransportPonyfill: new (
    url: string,
    options: object,
  ) => {
    createClient(options: object): { client: { closeHookSession(): void }; sessionint: unknown };
  };
}
