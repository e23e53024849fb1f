import { hostOf, type NodeRole, type NodeState } from "../api/node-states.ts";
import { element } from "../element.ts";
import { formatBitrate, formatBytes, formatPercent } from "../shell/format-figures.ts";

const TIERS: readonly { readonly role: NodeRole; readonly label: string }[] = [
  { role: "origin", label: "Origin" },
  { role: "relay", label: "Relays" },
  { role: "edge", label: "Edges" },
];
const SVG = "http://www.w3.org/2000/svg";
/** Below this a wire carries keep-alives at most. */
const FLOWING_BPS = 20_000;
const BUSY = 0.7;
const FULL = 0.9;

/** The nodes as columns from the publisher to the viewer, with wires from each to its parent. */
export class TreeDiagram {
  readonly root = element("div", { class: "tree" });
  readonly #wires = document.createElementNS(SVG, "svg");
  readonly #cards = new Map<string, HTMLElement>();
  #nodes: readonly NodeState[] = [];

  constructor() {
    this.#wires.setAttribute("aria-hidden", "true");
    new ResizeObserver(() => this.#drawWires()).observe(this.root);
  }

  show(nodes: readonly NodeState[]): void {
    this.#nodes = nodes;
    this.#cards.clear();
    const tiers = TIERS.map(({ role, label }) => {
      const list = element("ul", { class: "tier", "aria-label": label });
      for (const node of nodes.filter((candidate) => candidate.role === role)) {
        const card = nodeCard(node, parentOf(node, nodes));
        this.#cards.set(node.url, card);
        list.append(card);
      }
      return list;
    });
    this.root.replaceChildren(this.#wires, ...tiers.filter((tier) => tier.childElementCount > 0));
    this.#drawWires();
  }

  #drawWires(): void {
    const frame = this.root.getBoundingClientRect();
    const paths: SVGPathElement[] = [];
    for (const node of this.#nodes) {
      const parent = parentOf(node, this.#nodes);
      const from = parent && this.#cards.get(parent.url)?.getBoundingClientRect();
      const to = this.#cards.get(node.url)?.getBoundingClientRect();
      if (!from || !to) continue;
      const path = document.createElementNS(SVG, "path");
      const flowing = node.up && (node.receivedBps ?? 0) > FLOWING_BPS;
      path.setAttribute("class", flowing ? "wire flowing" : "wire");
      path.setAttribute("d", wirePath(from, to, frame, this.root.scrollLeft));
      paths.push(path);
    }
    this.#wires.replaceChildren(...paths);
  }
}

/** From the parent's right side to the child's left, or from bottom to top where the columns are stacked. */
function wirePath(from: DOMRect, to: DOMRect, frame: DOMRect, scrolled: number): string {
  const dx = scrolled - frame.left;
  const dy = -frame.top;
  if (to.left >= from.right) {
    const x1 = from.right + dx;
    const y1 = from.top + from.height / 2 + dy;
    const x2 = to.left + dx;
    const y2 = to.top + to.height / 2 + dy;
    const bend = (x2 - x1) / 2;
    return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
  }
  const x1 = from.left + from.width / 2 + dx;
  const y1 = from.bottom + dy;
  const x2 = to.left + to.width / 2 + dx;
  const y2 = to.top + dy;
  const bend = (y2 - y1) / 2;
  return `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`;
}

/** The parent that the node names; if it names none, the first live node one tier up. */
function parentOf(node: NodeState, nodes: readonly NodeState[]): NodeState | undefined {
  const named = nodes.find((candidate) => {
    const host = hostOf(candidate.url);
    return host !== undefined && node.parents.includes(host);
  });
  if (named || node.role === "origin") return named;
  const up = (role: NodeRole): NodeState | undefined =>
    nodes.find((candidate) => candidate.role === role && candidate.up);
  return node.role === "edge" ? (up("relay") ?? up("origin")) : up("origin");
}

function nodeCard(node: NodeState, parent: NodeState | undefined): HTMLElement {
  const { metrics } = node;
  const card = element(
    "li",
    { class: node.up ? "node" : "node down" },
    element(
      "h3",
      {},
      node.title,
      node.up ? element("span", { class: "tag good" }, "up") : element("span", { class: "tag bad" }, "down"),
    ),
    element("div", { class: "address" }, hostOf(node.url) ?? node.url),
  );
  if (parent)
    card.append(element("span", { class: "visually-hidden" }, `takes broadcasts from ${parent.title}`));
  if (!metrics) return card;
  const figures = element("dl");
  const add = (name: string, value: string, title?: string): void => {
    figures.append(element("dt", {}, name), element("dd", { title }, value));
  };
  const transports = [...metrics.sessionsByTransport].map(([transport, count]) => `${transport} ${count}`);
  add("sessions", String(metrics.sessions), transports.join(", "));
  add("in", formatBitrate(node.receivedBps));
  add("out", formatBitrate(node.sentBps));
  add("cache", formatBytes(metrics.cacheBytes));
  add("loop", formatPercent(metrics.eventLoopUtilization));
  card.append(figures, loadBar(metrics.eventLoopUtilization));
  return card;
}

function loadBar(utilization: number | undefined): HTMLElement {
  const ratio = Math.min(1, Math.max(0, utilization ?? 0));
  const level = ratio >= FULL ? "full" : ratio >= BUSY ? "busy" : "";
  const bar = element("span", { class: level });
  bar.style.width = `${Math.round(ratio * 100)}%`;
  return element("div", { class: "load", "aria-hidden": "true" }, bar);
}
