import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import {
  emptyLinkCounters,
  IDEAL_LINK,
  type LinkCounters,
  LinkModel,
  type LinkOptions,
} from "./link-model.ts";

export interface UdpProxyOptions {
  /** Where the packets of the clients go. */
  readonly target: { readonly host: string; readonly port: number };
  /** Decides about losses, delays and the rest; the same seed, the same decisions for each client in turn. */
  readonly seed: number;
  readonly toTarget?: Partial<LinkOptions>;
  readonly toClient?: Partial<LinkOptions>;
}

export interface UdpProxyCounters {
  readonly toTarget: LinkCounters;
  readonly toClient: LinkCounters;
  /** Packets that found the queue of all clients full. */
  queueFull: number;
  /** Packets of clients beyond `MAX_CLIENTS`. */
  clientsRefused: number;
}

/** Packets under way at one time, in both directions together; 60 MB at 1,500 bytes each. */
const MAX_QUEUED_PACKETS = 40_000;
/** Each has a socket; nobody is forgotten before the proxy closes. */
const MAX_CLIENTS = 2_000;
/** A busy loop must not add losses of the kernel's to ours; the kernel grants what it allows. */
const SOCKET_BUFFER_BYTES = 4 << 20;
/** Timers of Node.js count in ms: what is due within this goes out now. */
const TIMER_GRAIN_MS = 0.5;

interface ProxyClient {
  readonly address: string;
  readonly port: number;
  /** Faces the target, which so can tell the clients apart. */
  readonly socket: Socket;
  readonly toTarget: LinkModel;
  readonly toClient: LinkModel;
}

interface QueuedPacket {
  readonly dueMs: number;
  readonly order: number;
  readonly bytes: Buffer;
  readonly client: ProxyClient;
  readonly direction: Direction;
}

type Direction = "toTarget" | "toClient";

/** An IP literal needs no resolver. */
const lookup = (
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void => callback(null, host, 4);

/**
 * A path between clients and one UDP port that loses, delays, reorders, doubles and limits packets, for machines
 * whose kernel cannot. It looks at no byte, so QUIC goes through as well as ICE, DTLS and RTP; a client of
 * WebRTC has to be told this port in place of the target's (`throughProxy`).
 */
export class UdpProxy implements AsyncDisposable {
  readonly counters: UdpProxyCounters = {
    toTarget: emptyLinkCounters(),
    toClient: emptyLinkCounters(),
    queueFull: 0,
    clientsRefused: 0,
  };
  readonly target: UdpProxyOptions["target"];
  readonly #seed: number;
  readonly #links: Record<Direction, LinkOptions>;
  readonly #socket: Socket;
  readonly #clients = new Map<string, ProxyClient>();
  readonly #queue = new DeliveryQueue();
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #order = 0;
  #closed = false;

  private constructor(options: UdpProxyOptions, socket: Socket) {
    this.target = options.target;
    this.#seed = options.seed;
    this.#links = {
      toTarget: { ...IDEAL_LINK, ...options.toTarget },
      toClient: { ...IDEAL_LINK, ...options.toClient },
    };
    this.#socket = socket;
    socket.on("message", (bytes, from) => this.#onClientPacket(bytes, from));
    socket.on("error", ignore);
  }

  /** Listens on a free port of loopback. */
  static async listen(options: UdpProxyOptions): Promise<UdpProxy> {
    const socket = createSocket({ type: "udp4", lookup });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, "127.0.0.1", () => {
        socket.off("error", reject);
        resolve();
      });
    });
    enlargeBuffers(socket);
    return new UdpProxy(options, socket);
  }

  get host(): string {
    return "127.0.0.1";
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Clients seen so far. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Changes one direction for all clients, from the next packet on. */
  setLink(direction: Direction, options: Partial<LinkOptions>): void {
    this.#links[direction] = { ...this.#links[direction], ...options };
    for (const client of this.#clients.values()) client[direction].options = this.#links[direction];
  }

  #onClientPacket(bytes: Buffer, from: RemoteInfo): void {
    const key = `${from.address}:${from.port}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) {
        this.counters.clientsRefused++;
        return;
      }
      client = this.#openClient(from);
      this.#clients.set(key, client);
    }
    this.#take(bytes, client, "toTarget");
  }

  #openClient(from: RemoteInfo): ProxyClient {
    const index = this.#clients.size;
    const model = (direction: Direction): LinkModel => {
      const seed = this.#seed * 1_000_003 + index * 2 + (direction === "toTarget" ? 0 : 1);
      return new LinkModel(seed, this.#links[direction], this.counters[direction]);
    };
    const socket = createSocket({ type: "udp4", lookup });
    const client: ProxyClient = {
      address: from.address,
      port: from.port,
      socket,
      toTarget: model("toTarget"),
      toClient: model("toClient"),
    };
    // A target that is not there yet answers with ICMP: as on any path, its packets are simply lost.
    socket.on("error", ignore);
    socket.on("message", (bytes) => this.#take(bytes, client, "toClient"));
    socket.bind(0, "127.0.0.1", () => enlargeBuffers(socket));
    return client;
  }

  #take(bytes: Buffer, client: ProxyClient, direction: Direction): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    for (const dueMs of client[direction].next(bytes.byteLength, nowMs)) {
      if (this.#queue.size >= MAX_QUEUED_PACKETS) {
        this.counters.queueFull++;
        continue;
      }
      this.#queue.push({ dueMs, order: this.#order++, bytes, client, direction });
    }
    this.#deliver(nowMs);
  }

  /** Sends what is due and sets the one timer for the rest. */
  #deliver(nowMs: number): void {
    let next = this.#queue.first;
    while (next !== undefined && next.dueMs <= nowMs + TIMER_GRAIN_MS) {
      this.#queue.shift();
      const { bytes, client, direction } = next;
      if (direction === "toTarget") client.socket.send(bytes, this.target.port, this.target.host, ignore);
      else this.#socket.send(bytes, client.port, client.address, ignore);
      next = this.#queue.first;
    }
    if (next === undefined || this.#timerDueMs <= next.dueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = next.dueMs;
    this.#timer = setTimeout(() => {
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      this.#deliver(performance.now());
    }, next.dueMs - nowMs);
  }

  /** What is under way is lost. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const sockets = [this.#socket, ...[...this.#clients.values()].map((client) => client.socket)];
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Losses are what this is for; the kernel's own are no news. */
function ignore(): void {}

function enlargeBuffers(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
  socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
}

/** A binary heap by time of delivery, then by time of arrival. */
class DeliveryQueue {
  readonly #heap: QueuedPacket[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): QueuedPacket | undefined {
    return this.#heap[0];
  }

  push(packet: QueuedPacket): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(packet);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, packet)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = packet;
  }

  shift(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, child)) {
        below++;
        child = right;
      }
      if (isBefore(moved, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = moved;
  }
}

function isBefore(a: QueuedPacket, b: QueuedPacket): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/**
 * The SDP with every UDP candidate on the target's port sent through the proxy, and without any other, so that
 * no packet finds a way around it.
 */
export function throughProxy(sdp: string, proxy: UdpProxy): string {
  const targetPort = proxy.target.port;
  let kept = 0;
  const lines = sdp.split("\r\n").filter((line) => {
    if (!line.startsWith("a=candidate:")) return true;
    return isUdpCandidate(line, targetPort) && kept++ === 0;
  });
  if (kept === 0) throw new Error(`no candidate on UDP port ${targetPort} in ${sdp}`);
  return lines
    .map((line) =>
      line.startsWith("a=candidate:")
        ? line.replace(/^((?:\S+ ){4})\S+ \d+/, `$1${proxy.host} ${proxy.port}`)
        : line,
    )
    .join("\r\n");
}

/** RFC 8839 section 5.1: foundation, component, transport, priority, address, port. */
function isUdpCandidate(line: string, port: number): boolean {
  const fields = line.split(" ");
  return fields[2]?.toLowerCase() === "udp" && fields[5] === String(port);
}

/** The SDP without candidates: the other side then answers to where the checks come from, which is the proxy. */
export function withoutCandidates(sdp: string): string {
  return sdp
    .split("\r\n")
    .filter((line) => !line.startsWith("a=candidate:") && line !== "a=end-of-candidates")
    .join("\r\n");
}
