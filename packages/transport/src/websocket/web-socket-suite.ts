import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { QmuxLimits } from "../qmux/index.ts";
import { QuicLoop } from "../quic/quic-loop.ts";
import type { Session, SessionServerHandler } from "../session.ts";
import { settle } from "../settle-suite.ts";
import { type ConnectWebSocketOptions, connectWebSocket } from "./connect-web-socket.ts";
import {
  type ServeWebSocketsDeps,
  type ServeWebSocketsOptions,
  serveWebSockets,
  type WebSocketSessions,
} from "./serve-web-sockets.ts";

export { settle };

export const TEST_PROTOCOLS = ["moq-lite-05", "moq-lite-04"];

export interface TestServer {
  readonly sockets: WebSocketSessions;
  readonly url: string;
  readonly port: number;
  /** Sessions in the order in which they opened. */
  readonly sessions: Session[];
  connect(options?: Partial<ConnectWebSocketOptions>): Promise<Session>;
  close(): Promise<void>;
}

/** A server on a free loopback port that takes every session, and clients for it. */
export async function openTestServer(
  options: Partial<ServeWebSocketsOptions> &
    Partial<SessionServerHandler> &
    Pick<ServeWebSocketsDeps, "onHandlerError"> = {},
): Promise<TestServer> {
  const http: Server = createServer((_request, response) => response.writeHead(404).end());
  const sessions: Session[] = [];
  const sockets = serveWebSockets(
    { protocols: TEST_PROTOCOLS, ...options },
    {
      onRequest: options.onRequest ?? ((request) => ({ accept: true, protocol: request.protocols[0] ?? "" })),
      onSession: (session) => {
        sessions.push(session);
        options.onSession?.(session);
      },
    },
    { server: http, loop: new QuicLoop({ flush: 0 }), onHandlerError: options.onHandlerError },
  );
  // As the nodes' own servers: thousands may come at once.
  await new Promise<void>((resolve) =>
    http.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => resolve()),
  );
  const { port } = http.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/live?jwt=x`;
  const clients: Session[] = [];
  return {
    sockets,
    url,
    port,
    sessions,
    connect: async (more = {}) => {
      const client = await connectWebSocket({ url, protocols: TEST_PROTOCOLS, ...more });
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.close(0, "");
      await sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** A server and one client's session, seen from both ends. */
export async function openTestPair(
  options: { readonly subprotocols?: readonly string[]; readonly limits?: Partial<QmuxLimits> } = {},
): Promise<{ client: Session; server: Session; endpoint: TestServer; close(): Promise<void> }> {
  const { limits = {} } = options;
  const endpoint = await openTestServer({ limits });
  const client = await endpoint.connect({ ...options, limits });
  await settle(() => endpoint.sessions.length === 1);
  const server = endpoint.sessions[0];
  if (server === undefined) throw new Error("no session");
  return { client, server, endpoint, close: endpoint.close };
}
