import type { GatedSession } from "@canopy/relay/node";
import type { SimulatedNetwork, SimulatedNode } from "./simulated-network.ts";

/** Frames have not come for so long, at least, when the player wonders, and a third more at most (arrival-watch.ts). */
const SILENT_MS = 300;
/** It asks the silent edge, and waits so long for an answer (edge-watch.ts). */
const EDGE_ANSWER_MS = 450;
/** Edges that stand in are dialled beside each other, with this head start, then twice as much (spare-round.ts). */
const SPARE_HEAD_START_MS = 300;
/** When nobody else is left to dial, those that are being dialled have this long. */
const LAST_DIAL_MS = 2_000;
/** So long is the head start of the first edge of all (connection.ts). */
const DIAL_SILENT_MS = 1_000;
/** A locator that does not answer gets company (locate-edges.ts). */
const LOCATOR_HEAD_START_MS = 400;
/** A silent edge is asked again so often, and then all others are tried once more. */
const ASK_AGAIN_MS = 1_000;
/** Before all is tried anew by who has never had a session, at least, and as much again at random. */
const RETRY_MS = 250;
/** After a change of edge the player asks anew whom to fall back to, at least so much later, and as much at random. */
const RENEWAL_MS = 1_000;
/** Three round trips until a session is open; as many until a locator that was not asked before has answered. */
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
  /** The search for an edge that is on. */
  search: Search | undefined;
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

/** Edges that are dialled one beside the other; the first that lets the viewer in ends it. */
interface Search {
  /** The edge that they are to stand in for, and that is tried last itself; undefined for one who joins. */
  readonly lost: SimulatedNode | undefined;
  readonly queue: SimulatedNode[];
  readonly tried: Set<SimulatedNode>;
  headStartMs: number;
  /** The one that was dialled last has time left. */
  isTimed: boolean;
  isLastCall: boolean;
  /** The network is asked once who else there is. */
  asking: "not yet" | "now" | "done";
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
      this.#network.after(SILENT_MS * (1 + this.#random() / 3) + EDGE_ANSWER_MS, () =>
        this.#search(viewer, edge),
      );
    }
    this.#at.delete(edge);
  }

  #locate(viewer: Viewer): void {
    this.#ask(viewer, (named) => {
      if (named === undefined) {
        this.#retry(viewer);
        return;
      }
      viewer.edges = named;
      this.#search(viewer, undefined);
    });
  }

  /** Asks a node of the own region, and any other beside it where that is gone. */
  #ask(viewer: Viewer, then: (named: readonly SimulatedNode[] | undefined) => void): void {
    const { nodes } = this.#network;
    const answer = ({ locator }: SimulatedNode): readonly SimulatedNode[] =>
      locator.locate(undefined).flatMap(({ id }) => nodes[id - 1] ?? []);
    const near = this.#pick((node) => node.region === viewer.region);
    if (near?.alive === true) {
      this.#network.after(NEAR_DIAL_MS, () => then(answer(near)));
      return;
    }
    this.#network.after(LOCATOR_HEAD_START_MS + FAR_DIAL_MS, () => {
      const far = this.#pick((node) => this.#network.reaches(viewer.region, node));
      then(far === undefined ? undefined : answer(far));
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

  #search(viewer: Viewer, lost: SimulatedNode | undefined): void {
    const { edges } = viewer;
    const ahead = lost === undefined ? 0 : edges.indexOf(lost) + 1;
    const search: Search = {
      lost,
      queue: [...edges.slice(ahead), ...edges.slice(0, ahead)],
      tried: new Set(),
      headStartMs: SPARE_HEAD_START_MS,
      isTimed: false,
      isLastCall: false,
      asking: "not yet",
    };
    viewer.search = search;
    this.#dialNext(viewer, search);
  }

  #dialNext(viewer: Viewer, search: Search): void {
    const { lost, tried } = search;
    const first = lost === undefined ? 1 : 0;
    if (search.asking === "not yet" && tried.size > first) this.#askOnce(viewer, search);
    const edge = search.queue.find((node) => !tried.has(node));
    if (edge !== undefined) {
      const isFirst = tried.size < first;
      search.isLastCall = false;
      tried.add(edge);
      this.#dial(viewer, search, edge);
      this.#dialNextIn(isFirst ? DIAL_SILENT_MS : search.headStartMs, viewer, search);
      if (!isFirst) search.headStartMs *= 2;
      return;
    }
    if (search.isTimed || search.asking === "now") return;
    if (!search.isLastCall) {
      search.isLastCall = true;
      this.#dialNextIn(LAST_DIAL_MS, viewer, search);
      return;
    }
    viewer.search = undefined;
    if (lost === undefined) this.#retry(viewer);
    else this.#network.after(ASK_AGAIN_MS * this.#random(), () => this.#search(viewer, lost));
  }

  #dialNextIn(delayMs: number, viewer: Viewer, search: Search): void {
    search.isTimed = true;
    const { size } = search.tried;
    this.#network.after(delayMs, () => {
      if (viewer.search !== search || search.tried.size !== size) return;
      search.isTimed = false;
      this.#dialNext(viewer, search);
    });
  }

  #askOnce(viewer: Viewer, search: Search): void {
    search.asking = "now";
    this.#ask(viewer, (named = []) => {
      if (viewer.search !== search) return;
      search.asking = "done";
      const isNew = named.some((node) => !search.tried.has(node));
      search.queue.unshift(...named);
      if (isNew || !search.isTimed) this.#dialNext(viewer, search);
    });
  }

  /** The path to a machine that is gone does not refuse: nothing comes of it. */
  #dial(viewer: Viewer, search: Search, edge: SimulatedNode): void {
    if (!this.#network.reaches(viewer.region, edge)) return;
    const dialMs = edge.region === viewer.region ? NEAR_DIAL_MS : FAR_DIAL_MS;
    this.#network.after(dialMs * (0.75 + this.#random() / 2), () => {
      if (viewer.search === search) void this.#arrive(viewer, search, edge);
    });
  }

  async #arrive(viewer: Viewer, search: Search, edge: SimulatedNode): Promise<void> {
    if (!edge.alive) return;
    // As the node does it: room, then the token, then room again, for others may have been let in meanwhile.
    const answer =
      edge.gate.checkRoom(viewer.address) === undefined ? await edge.admission.authorize("/") : undefined;
    if (viewer.search !== search) return;
    if (answer?.admitted !== true || edge.gate.checkRoom(viewer.address) !== undefined) {
      this.totals.refusals += 1;
      this.#dialNext(viewer, search);
      return;
    }
    viewer.search = undefined;
    viewer.closed = false;
    viewer.edge = edge;
    edge.gate.admitChecked(viewer, viewer.address, answer);
    const here = this.#at.get(edge);
    if (here === undefined) this.#at.set(edge, new Set([viewer]));
    else here.add(viewer);
    const key = `${edge.id}/${viewer.stream}`;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [viewer]);
    else waiting.push(viewer);
    this.#follow(edge, viewer.stream);
    if (viewer.edges[0] !== edge) {
      this.#network.after(RENEWAL_MS * (1 + this.#random()), () => this.#renew(viewer, edge));
    }
  }

  /** One answer or none: the player does not ask a second time. */
  #renew(viewer: Viewer, edge: SimulatedNode): void {
    const locator = this.#pick((node) => this.#network.reaches(viewer.region, node));
    if (viewer.edge !== edge || locator === undefined) return;
    const named = locator.locator.locate(undefined).flatMap(({ id }) => this.#network.nodes[id - 1] ?? []);
    const others = named.filter((node) => node !== edge);
    // As the player does (edge-list.ts).
    viewer.edges = [edge, ...others.slice(Math.max(0, others.length + 1 - named.length))];
  }

  #retry(viewer: Viewer): void {
    this.totals.retries += 1;
    this.#network.after(RETRY_MS * (1 + this.#random()), () => this.#locate(viewer));
  }
}
