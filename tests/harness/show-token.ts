import { connect } from "node:net";
import { forwardEvents, MOQ_PROTOCOLS, MoqSession, type MoqSessionHandler } from "@canopy/protocol";
import type { Session, SessionClose } from "@canopy/transport";
import { connectQuic } from "@canopy/transport/quic";
import { connectWebSocket } from "@canopy/transport/websocket";
import { publishCommands, readStatuses } from "../../packages/origin/src/upstream/rtmp/rtmp-sender-suite.ts";
import type { GuardedNode, GuardedNodes } from "./guarded-nodes.ts";

/** What whoever shows a token is answered: 2xx, or why not. */
export interface Answer {
  readonly status: number;
  /** All that he is told. */
  readonly text: string;
}

/** A session that is open, and how it ends. */
export interface OpenSession extends Answer {
  readonly ended: Promise<string>;
  close(): void;
}

/** Commands are answered at once, on a machine that is busy with other things a little later. */
const ANSWER_TIMEOUT_MS = 20_000;
const RTMP_DENIED = "NetStream.Publish.Denied";

/** With the token in the query or, if `asHeader`, in `Authorization`. */
export async function request(
  url: string,
  token: string | undefined,
  options: RequestInit & { readonly asHeader?: boolean } = {},
): Promise<Response> {
  const { asHeader = false, headers = {}, ...init } = options;
  const query = token === undefined || asHeader ? "" : `${url.includes("?") ? "&" : "?"}jwt=${token}`;
  return fetch(url + query, {
    ...init,
    headers: { ...headers, ...(token !== undefined && asHeader && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
}

/** A body that does not end is not waited for. */
export async function answerOf(response: Response, isEndless = false): Promise<Answer> {
  if (!isEndless || !response.ok) return { status: response.status, text: await response.text() };
  await response.body?.cancel();
  return { status: response.status, text: "" };
}

export type Carrier = "webtransport" | "websocket" | "quic";

/** Opens a MoQ session; 2xx once the node has told what it announces. */
export async function openMoq(
  nodes: GuardedNodes,
  node: GuardedNode,
  options: { readonly carrier: Carrier; readonly root: string; readonly token: string | undefined },
): Promise<OpenSession> {
  const { carrier, root, token } = options;
  const path = `/${root}${token === undefined ? "" : `?jwt=${token}`}`;
  let session: Session;
  try {
    session = await dial(nodes, node, carrier, path);
  } catch (error) {
    const { code, status, message } = error as Error & { readonly code?: string; readonly status?: number };
    if (code !== "session-rejected" || status === undefined) throw error;
    // Over HTTP/3 a refusal is a status; the text is asked for, as browsers do.
    const asked = await fetch(`${node.url}/v1/admission?path=${encodeURIComponent(path)}`);
    return { status, text: `${message} ${await asked.text()}`, ended: Promise.resolve(""), close: () => {} };
  }
  return serve(session, carrier, path);
}

function dial(nodes: GuardedNodes, node: GuardedNode, carrier: Carrier, path: string): Promise<Session> {
  const { loop, logger } = nodes;
  if (carrier === "websocket") {
    return connectWebSocket(
      { url: `ws://127.0.0.1:${node.port}${path}`, protocols: MOQ_PROTOCOLS },
      { loop },
    );
  }
  return connectQuic(
    {
      host: "127.0.0.1",
      port: node.port,
      alpn: MOQ_PROTOCOLS,
      verify: { sha256: [node.server.certificate.current.sha256Hex] },
      ...(carrier === "webtransport" ? { webtransportPath: path } : {}),
    },
    { logger, loop },
  );
}

async function serve(session: Session, carrier: Carrier, path: string): Promise<OpenSession> {
  let end: (close: SessionClose) => void = () => {};
  const closed = new Promise<SessionClose>((resolve) => {
    end = resolve;
  });
  const moq = new MoqSession(
    { wire: session, role: "client", originId: 12_345, ...(carrier === "quic" ? { path } : {}) },
    REFUSES_ALL,
  );
  session.handler = forwardEvents(moq, end);
  const announced = new Promise<true>((resolve) => {
    moq.announcements("", 0, {
      onActive: () => {},
      onReplaced: () => {},
      onEnded: () => {},
      onReady: () => resolve(true),
      onClosed: () => {},
    });
  });
  const first = await Promise.race([announced, closed]);
  const ended = closed.then(({ reason }) => reason);
  const close = (): void => session.close(0, "done");
  if (first === true) return { status: 200, text: "", ended, close };
  // moq-lite: UNAUTHORIZED. Raw QUIC has no other status.
  return { status: first.code === 6 ? 401 : 500, text: first.reason, ended, close };
}

const REFUSES_ALL: MoqSessionHandler = {
  onReady: () => {},
  onPeerSetup: () => {},
  onAnnounceRequest: (asked) => asked.start([]),
  onTrackInfoRequest: (asked) => asked.reject(13),
  onSubscribe: (asked) => asked.reject(13),
  onFetch: (asked) => asked.reject(13),
  onProbe: () => {},
  onGoaway: () => {},
  onDatagramFrame: () => {},
};

/** Asks to publish over RTMP; 200 once it is granted. */
export function publishRtmp(port: number, path: string, token: string | undefined): Promise<OpenSession> {
  const [app = "", ...rest] = path.split("/");
  const key = `${rest.join("/")}${token === undefined ? "" : `?jwt=${token}`}`;
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  const close = (): void => void socket.destroy();
  socket.on("error", () => {});
  const statuses = () => readStatuses(Buffer.concat(chunks));
  const ended = new Promise<string>((resolve) => {
    socket.on("close", () => resolve(statuses().at(-1)?.description ?? ""));
  });
  socket.write(publishCommands(app, key));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error("the origin answers nothing over RTMP")),
      ANSWER_TIMEOUT_MS,
    );
    const look = (): void => {
      const [first] = statuses();
      if (first === undefined) return;
      clearTimeout(timer);
      const granted = first.code === "NetStream.Publish.Start";
      const status = granted ? 200 : first.code === RTMP_DENIED ? 401 : 500;
      resolve({ status, text: `${first.code} ${first.description}`, ended, close });
    };
    socket.on("data", (bytes: Buffer) => {
      chunks.push(bytes);
      look();
    });
  });
}
