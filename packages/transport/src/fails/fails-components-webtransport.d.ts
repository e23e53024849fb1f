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
  /** In browsers. */
  export const WebTransportPonyfill: new (
    url: string,
    options: object,
  ) => {
    createClient(options: object): { client: { closeHookSession(): void }; sessionint: unknown };
  };
}
