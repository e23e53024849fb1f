import { createSocket } from "node:dgram";
import type { Session, SessionServerHandler } from "../session.ts";
import { settle } from "../settle-suite.ts";
import { createDevelopmentCertificate, type DevelopmentCertificate } from "./certificate.ts";
import { type ConnectQuicOptions, connectQuic, type QuicClientSession } from "./connect-quic.ts";
import { type ListenQuicOptions, listenQuic, type QuicServer } from "./listen-quic.ts";
import { QuicLoop, type QuicLoopOptions } from "./quic-loop.ts";

export { settle };

export const TEST_ALPN = ["moq-lite-05", "moq-lite-04"];
export const quietLogger = { debug: () => {}, warn: () => {} };

export interface TestServer {
  readonly server: QuicServer;
  /** The server's. */
  readonly loop: QuicLoop;
  readonly certificate: DevelopmentCertificate;
  /** Sessions in the order in which they opened. */
  readonly sessions: Session[];
  connect(options?: Partial<ConnectQuicOptions>): Promise<QuicClientSession>;
  close(): Promise<void>;
}

export interface TestServerOptions extends Partial<ListenQuicOptions>, Partial<SessionServerHandler> {
  /** Of the server's loop. */
  readonly flush?: QuicLoopOptions["flush"];
}

/** A server on a free loopback port that takes every session, and clients for it. */
export async function openTestServer({ flush, ...options }: TestServerOptions = {}): Promise<TestServer> {
  const certificate = await createDevelopmentCertificate(["localhost", "127.0.0.1"]);
  const sessions: Session[] = [];
  const loop = new QuicLoop(flush === undefined ? {} : { flush });
  const server = await listenQuic(
    { host: "127.0.0.1", port: 0, tls: certificate, alpn: ["h3", ...TEST_ALPN], ...options },
    {
      onRequest: options.onRequest ?? ((request) => ({ accept: true, protocol: request.protocols[0] ?? "" })),
      onSession: (session) => {
        sessions.push(session);
        options.onSession?.(session);
      },
    },
    { logger: quietLogger, loop },
  );
  const clients: QuicClientSession[] = [];
  return {
    server,
    loop,
    certificate,
    sessions,
    connect: async (more = {}) => {
      const client = await connectQuic(
        {
          host: "127.0.0.1",
          port: server.address.port,
          alpn: TEST_ALPN,
          verify: { sha256: [certificate.sha256Hex] },
          ...more,
        },
        { logger: quietLogger },
      );
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.close(0, "");
      await server.close();
    },
  };
}

export interface TestPair {
  readonly client: QuicClientSession;
  readonly server: Session;
  readonly endpoint: TestServer;
  close(): Promise<void>;
}

/** A server and one client's session, seen from both ends. */
export async function openTestPair(
  clientOptions: Partial<ConnectQuicOptions> = {},
  serverOptions: TestServerOptions = {},
): Promise<TestPair> {
  const endpoint = await openTestServer(serverOptions);
  const client = await endpoint.connect(clientOptions);
  await settle(() => endpoint.sessions.length === 1);
  const server = endpoint.sessions[0];
  if (server === undefined) throw new Error("no session");
  return { client, server, endpoint, close: endpoint.close };
}

export interface UdpRelay {
  /** What the client connects to. */
  readonly port: number;
  /** From now on every packet is lost, as if one end had been killed. */
  cut(): void;
  /** Loses the next packets that the server sends. */
  lose(packets: number): void;
  /** Keeps what the server sends back until `release`. */
  hold(): void;
  /** Delivers what was kept back, in order and at once. */
  release(): void;
  /** Sends the client's packets to another server. */
  retarget(port: number): void;
  close(): void;
}

/** Passes the packets of one client on to a server on loopback. */
export async function openUdpRelay(serverPort: number): Promise<UdpRelay> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  let target = serverPort;
  let clientPort = 0;
  let cut = false;
  let losses = 0;
  let held: Buffer[] | undefined;
  const onServerPacket = (packet: Buffer): void => {
    if (losses > 0) losses -= 1;
    else if (held !== undefined) held.push(packet);
    else socket.send(packet, clientPort, "127.0.0.1");
  };
  socket.on("message", (packet, remote) => {
    if (cut) return;
    if (remote.port === target) {
      onServerPacket(packet);
      return;
    }
    clientPort = remote.port;
    socket.send(packet, target, "127.0.0.1");
  });
  return {
    port: socket.address().port,
    cut: () => {
      cut = true;
    },
    lose: (packets) => {
      losses = packets;
    },
    hold: () => {
      held = [];
    },
    release: () => {
      for (const packet of held ?? []) socket.send(packet, clientPort, "127.0.0.1");
      held = undefined;
    },
    retarget: (port) => {
      target = port;
    },
    close: () => socket.close(),
  };
}
