import type { GatedSession } from "@canopy/relay/node";
import type { SimulatedNetwork, SimulatedNode } from "./simulated-network.ts";

/** The picture stands still for so long before the player wonders: it plays on from its buffer. */
const STARVED_MS = 300;
/** The player asks a silent edge, and waits so long for an answer (edge-watch.ts). */
const EDGE_ANSWER_MS = 450;
/** An edge that does not answer a dial is given up for the next one of the list, which has twice as long. */
const DIAL_MS = 1_000;
/** A locator that does not answer is given up (locate-edges.ts). */
const LOCATOR_MS = 2_000;
/** Before all is tried anew, at least, and as much again at random. */
const RETRY_MS = 250;
/** After a change of edge the player asks anew whom to fall back to, at least so much later, and as much at random. */
const RENEWAL_MS = 1_000;
/** Three round trips until a session is open. */
const NEAR_DIAL_MS = 30;
const FAR_DIAL_MS = 240;

class Viewer implements GatedSession {
  readonly kind = "webtransport";
  readonly region: string;
  readonly stream: number;
  readonly address: string;
  closed = true;
  edge: SimulatedNode | undefined;
  /** As the locator named them. */
  edges: readonly SimulatedNode[] = [];
  /** Place of `edge` in it. */
  at = 0;
  /** Since when nothing is seen; 0 = something is. */
  darkSinceMs: number;

  constructor(region: string, stream: number, address: string, nowMs: number) {
    this.region = region;
    this.stream = stream;
    this.address = address;
    this.darkSinceMs = nowMs;
  }

  close(): void {
    this.closed = true;
  }
}

export interface AudienceTotals {
  /** Sessions that ended without the viewer's wish. */
  sessionsLost: number;
  /** Edges that had no room. */
  refusals: number;
  /** Times that no edge of the list could be had. */
  retries: number;
  playing: number;
}

/**
 * Viewers as the player behaves: they ask a node which edges to take, try those in order, and go on at the next one
 * when theirs falls silent. Where they are sent, and whether they are let in, the network's own code decides.
 */
export class SimulatedAudience {
  readonly totals: AudienceTotals = { sessionsLost: 0, refusals: 0, retries: 0, playing: 0 };
  /** Times without a picture that have ended since they were last cleared, ms; of joins as well. */
  readonly darkMs: number[] = [];
  readonly #network: SimulatedNetwork;
  readonly #random: () => number;
  readonly #follow: (edge: SimulatedNode, stream: number) => void;
  readonly #at = new Map<SimulatedNode, Set<Viewer>>();
  /** Viewers who wait for the first frame, by edge and broadcast. */
  readonly #waiting = new Map<string, Viewer[]>();
  #count = 0;

  constructor(
    network: SimulatedNetwork,
    deps: {
      readonly random: () => number;
      /** The edge has to have the broadcast from now on. */
      readonly follow: (edge: SimulatedNode, stream: number) => void;
    },
  ) {
    this.#network = network;
    this.#random = deps.random;
    this.#follow = deps.follow;
  }

  get dark(): number {
    return this.#count - this.totals.playing;
  }

  join(region: string, stream: number): void {
    this.#count += 1;
    const address = `10.${this.#count >> 16}.${(this.#count >> 8) & 255}.${this.#count & 255}:50000`;
    this.#locate(new Viewer(region, stream, address, this.#network.clock.nowMs()));
  }

  /** Frames of the broadcast have come at the edge. */
  onFrame(edge: SimulatedNode, stream: number): void {
    const key = `${edge.id}/${stream}`;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    const nowMs = this.#network.clock.nowMs();
    for (const viewer of waiting) {
      if (viewer.edge !== edge || viewer.darkSinceMs === 0) continue;
      this.darkMs.push(nowMs - viewer.darkSinceMs);
      viewer.darkSinceMs = 0;
      this.totals.playing += 1;
    }
  }

  /** The edge is gone, and its viewers are about to notice. */
  onEdgeLost(edge: SimulatedNode): void {
    const nowMs = this.#network.clock.nowMs();
    for (const viewer of this.#at.get(edge) ?? []) {
      viewer.edge = undefined;
      viewer.closed = true;
      this.totals.sessionsLost += 1;
      if (viewer.darkSinceMs === 0) {
        viewer.darkSinceMs = nowMs;
        this.totals.playing -= 1;
      }
      this.#network.after(STARVED_MS * (0.5 + this.#random() / 2) + EDGE_ANSWER_MS, () =>
        this.#dial(viewer, viewer.at + 1, DIAL_MS),
      );
    }
    this.#at.delete(edge);
  }

  /** Asks a node of the own region, or any other where that is gone. */
  #locate(viewer: Viewer): void {
    const near = this.#pick((node) => node.region === viewer.region);
    if (near?.alive === true) {
      this.#askLocator(viewer, near);
      return;
    }
    this.#network.after(LOCATOR_MS, () => {
      const far = this.#pick((node) => this.#network.reaches(viewer.region, node));
      if (far === undefined) this.#retry(viewer);
      else this.#askLocator(viewer, far);
    });
  }

  /** Whoever the page names: it does not know who is alive. */
  #pick(isFit: (node: SimulatedNode) => boolean): SimulatedNode | undefined {
    const { nodes } = this.#network;
    const start = Math.floor(this.#random() * nodes.length);
    for (let index = 0; index < nodes.length; index += 1) {
      const node = nodes[(start + index) % nodes.length];
      if (node !== undefined && isFit(node)) return node;
    }
    return undefined;
  }

  #askLocator(viewer: Viewer, locator: SimulatedNode): void {
    const { nodes } = this.#network;
    viewer.edges = locator.locator.locate(undefined).flatMap(({ id }) => nodes[id - 1] ?? []);
    this.#dial(viewer, 0, DIAL_MS);
  }

  #dial(viewer: Viewer, at: number, timeoutMs: number): void {
    const edge = viewer.edges[at];
    if (edge === undefined) {
      this.#retry(viewer);
      return;
    }
    if (!this.#network.reaches(viewer.region, edge)) {
      this.#network.after(timeoutMs, () => this.#dial(viewer, at + 1, 2 * timeoutMs));
      return;
    }
    const dialMs = edge.region === viewer.region ? NEAR_DIAL_MS : FAR_DIAL_MS;
    this.#network.after(dialMs * (0.75 + this.#random() / 2), () => {
      if (edge.alive) void this.#arrive(viewer, edge, at);
      else this.#dial(viewer, at, timeoutMs);
    });
  }

  async #arrive(viewer: Viewer, edge: SimulatedNode, at: number): Promise<void> {
    // As the node does it: room, then the token, then room again, for others may have been let in meanwhile.
    const answer =
      edge.gate.checkRoom(viewer.address) === undefined ? await edge.admission.authorize("/") : undefined;
    if (answer?.admitted !== true || edge.gate.checkRoom(viewer.address) !== undefined) {
      this.totals.refusals += 1;
      this.#dial(viewer, at + 1, DIAL_MS);
      return;
    }
    viewer.closed = false;
    viewer.edge = edge;
    viewer.at = at;
    edge.gate.admitChecked(viewer, viewer.address, answer);
    const here = this.#at.get(edge);
    if (here === undefined) this.#at.set(edge, new Set([viewer]));
    else here.add(viewer);
    const key = `${edge.id}/${viewer.stream}`;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [viewer]);
    else waiting.push(viewer);
    this.#follow(edge, viewer.stream);
    if (at > 0) this.#network.after(RENEWAL_MS * (1 + this.#random()), () => this.#renew(viewer, edge));
  }

  /** One answer or none: the player does not ask a second time. */
  #renew(viewer: Viewer, edge: SimulatedNode): void {
    const locator = this.#pick((node) => this.#network.reaches(viewer.region, node));
    if (viewer.edge !== edge || locator === undefined) return;
    const named = locator.locator.locate(undefined).flatMap(({ id }) => this.#network.nodes[id - 1] ?? []);
    const others = named.filter((node) => node !== edge);
    // As the player does (edge-list.ts).
    viewer.edges = [edge, ...others.slice(Math.max(0, others.length + 1 - named.length))];
    viewer.at = 0;
  }

  #retry(viewer: Viewer): void {
    this.totals.retries += 1;
    this.#network.after(RETRY_MS * (1 + this.#random()), () => this.#locate(viewer));
  }
}
