import type { PackageSession } from "../package-session.ts";
import type { PackageSocket } from "./package-socket.ts";

/** The one path by which sessions are known inside; theirs is ours to look at. */
const INNER_PATH = "/canopy";

export interface PackageUpgrades {
  /** Makes a session on a WebSocket that is open; it comes by `onSession` a moment later. */
  open(socket: PackageSocket, token: string): void;
}

/**
 * Makes the package's HTTP/2 server without letting it listen: it is given the WebSockets that come to our own HTTP server.
 * Loaded when somebody asks for it first; where the add-on for HTTP/3 is missing the package says so on the console.
 */
export async function loadPackageUpgrades(
  options: {
    readonly certPem: string;
    readonly keyPem: string;
    readonly streamWindowBytes: number;
    readonly sessionWindowBytes: number;
    readonly maxIncomingStreams: number;
  },
  onSession: (session: PackageSession, socket: PackageSocket) => void,
): Promise<PackageUpgrades> {
  const { Http2Server } = await import("@fails-components/webtransport");
  class SocketServer extends Http2Server {
    /** Called with every session, in place of the package's own objects. */
    onHttpWTSessionVisitor({
      session,
    }: {
      readonly session: PackageSession & { readonly stream: PackageSocket };
    }): void {
      onSession(session, session.stream);
    }
  }
  const server = new SocketServer({
    // Needed to be made, not used: it never listens.
    cert: options.certPem,
    privKey: options.keyPem,
    secret: "unused",
    port: 0,
    host: "127.0.0.1",
    initialStreamFlowControlWindow: options.streamWindowBytes,
    streamFlowControlWindowSizeLimit: options.streamWindowBytes,
    initialSessionFlowControlWindow: options.sessionWindowBytes,
    sessionFlowControlWindowSizeLimit: options.sessionWindowBytes,
    initialBidirectionalStreams: options.maxIncomingStreams,
    initialUnidirectionalStreams: options.maxIncomingStreams,
  });
  await server.createTransportInt();
  const { transportInt } = server;
  transportInt.addPath(INNER_PATH);
  return {
    open: (socket, token) => {
      const headers = { "sec-websocket-protocol": token, "sec-websocket-key": "" };
      transportInt.serverInt.emit("upgrade", { url: INNER_PATH, headers }, socket, new Uint8Array(0));
    },
  };
}
