import { hostOf } from "../api/host-of.ts";
import { type NodeState, parentsOf } from "../api/node-states.ts";
import { element } from "../element.ts";
import { formatBitrate, formatMilliseconds, formatPercent } from "../shell/format-figures.ts";
import { loadLevel, utilizationOf } from "./node-load.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Below this a wire carries keep-alives at most. */
const FLOWING_BPS = 20_000;
/** Over this many nodes of a tier, those that nobody uses are left out of the picture. */
const CROWDED = 12;

interface Wire {
  readonly from: HTMLElement;
  readonly to: HTMLElement;
  readonly isFlowing: boolean;
  readonly label: string;
}

/** The nodes as columns from the publisher to the viewer, with wires from each to those that feed it. */
export class TreeDiagram {
  readonly root = element("div", { class: "tree" });
  readonly #svg = document.createElementNS(SVG, "svg");
  #wires: readonly Wire[] = [];

  constructor() {
    this.#svg.setAttribute("aria-hidden", "true");
    new ResizeObserver(() => this.#drawWires()).observe(this.root);
  }

  show(nodes: readonly NodeState[]): void {
    const cards = new Map<string, HTMLElement>();
    const tiers = [...new Set(nodes.map(({ tier }) => tier))].sort((a, b) => a - b);
    const lists = tiers.map((tier) => {
      const members = nodes.filter((node) => node.tier === tier);
      const list = element("ul", { class: "tier", "aria-label": tierLabel(tier) });
      const shown = members.length > CROWDED ? mostUsed(members) : members;
      for (const node of shown) {
        const card = nodeCard(node, nodes);
        cards.set(node.key, card);
        list.append(card);
      }
      const hidden = members.length - shown.length;
      if (hidden > 0) list.append(element("li", { class: "more" }, `and ${hidden} more with fewer sessions`));
      return list;
    });
    this.#wires = nodes.flatMap((node) =>
      parentsOf(node, nodes).flatMap(({ parent, rttMs }) => {
        const from = cards.get(parent.key);
        const to = cards.get(node.key);
        if (from === undefined || to === undefined) return [];
        const isFlowing = node.up && parent.up && (node.rates?.receivedBps ?? 0) > FLOWING_BPS;
        return [{ from, to, isFlowing, label: rttMs === undefined ? "" : formatRtt(rttMs) }];
      }),
    );
    this.root.replaceChildren(this.#svg, ...lists);
    this.#drawWires();
  }

  #drawWires(): void {
    const frame = this.root.getBoundingClientRect();
    const drawn: SVGElement[] = [];
    for (const { from, to, isFlowing, label } of this.#wires) {
      const wire = wirePath(
        from.getBoundingClientRect(),
        to.getBoundingClientRect(),
        frame,
        this.root.scrollLeft,
      );
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", isFlowing ? "wire flowing" : "wire");
      path.setAttribute("d", wire.path);
      drawn.push(path);
      if (label === "") continue;
      const text = document.createElementNS(SVG, "text");
      text.setAttribute("class", "wire-label");
      text.setAttribute("x", String(wire.labelX));
      text.setAttribute("y", String(wire.labelY));
      text.textContent = label;
      drawn.push(text);
    }
    this.#svg.replaceChildren(...drawn);
  }
}

function tierLabel(tier: number): string {
  return tier === 0 ? "Origins" : tier === 1 ? "Relays" : tier === 2 ? "Edges" : `Edges of tier ${tier}`;
}

function mostUsed(nodes: readonly NodeState[]): readonly NodeState[] {
  const chosen = new Set(
    [...nodes].sort((a, b) => Number(a.up) - Number(b.up) || sessionsOf(b) - sessionsOf(a)).slice(0, CROWDED),
  );
  return nodes.filter((node) => chosen.has(node));
}

function sessionsOf(node: NodeState): number {
  return node.metrics?.sessions ?? node.load?.sessions ?? 0;
}

function formatRtt(ms: number): string {
  return ms < 10 ? `${Math.round(ms * 10) / 10} ms` : formatMilliseconds(ms);
}

/** From the parent's right side to the child's left, or from bottom to top where the columns are stacked. */
function wirePath(
  from: DOMRect,
  to: DOMRect,
  frame: DOMRect,
  scrolled: number,
): { readonly path: string; readonly labelX: number; readonly labelY: number } {
  const dx = scrolled - frame.left;
  const dy = -frame.top;
  if (to.left >= from.right) {
    const x1 = from.right + dx;
    const y1 = from.top + from.height / 2 + dy;
    const x2 = to.left + dx;
    const y2 = to.top + to.height / 2 + dy;
    const bend = (x2 - x1) / 2;
    const path = `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
    return { path, labelX: x1 + bend, labelY: (y1 + y2) / 2 };
  }
  const x1 = from.left + from.width / 2 + dx;
  const y1 = from.bottom + dy;
  const x2 = to.left + to.width / 2 + dx;
  const y2 = to.top + dy;
  const bend = (y2 - y1) / 2;
  return {
    path: `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`,
    labelX: (x1 + x2) / 2,
    labelY: (y1 + y2) / 2,
  };
}

function nodeCard(node: NodeState, nodes: readonly NodeState[]): HTMLElement {
  const { metrics, rates, load } = node;
  const state = node.up ? (node.draining ? "draining" : "up") : "down";
  const tag = { up: "tag good", draining: "tag warn", down: "tag bad" }[state];
  const card = element(
    "li",
    { class: `node ${state}` },
    element("h3", {}, node.title, element("span", { class: tag }, state)),
    element(
      "div",
      { class: "address" },
      [node.region, hostOf(node.url) ?? node.place?.host].filter((text) => text !== undefined).join(" · "),
    ),
  );
  const parents = parentsOf(node, nodes).map(({ parent }) => parent.title);
  if (parents.length > 0) {
    card.append(
      element("span", { class: "visually-hidden" }, `takes broadcasts from ${parents.join(" and ")}`),
    );
  }
  if (metrics === undefined && load === undefined) return card;
  const figures = element("dl");
  const add = (name: string, value: string, title?: string, warns = false): void => {
    figures.append(
      element("dt", { title }, name),
      element("dd", { title, class: warns ? "warn" : undefined }, value),
    );
  };
  const most = load?.maxSessions === undefined ? "" : ` of ${load.maxSessions}`;
  add("sessions", `${sessionsOf(node)}${most}`, transportsText(node));
  if (metrics !== undefined) {
    add("in", formatBitrate(rates?.receivedBps), "received per second");
    add("out", formatBitrate(rates?.sentBps), "sent per second");
    add(
      "age",
      formatMilliseconds(rates?.frameAgeMs),
      "Half of the frames leave within this time after capture",
    );
    const drops = rates?.droppedPerSecond ?? 0;
    add(
      "drops",
      `${drops === 0 ? "0" : drops.toFixed(1)}/s`,
      `Groups that viewers did not get whole; ${metrics.droppedGroups} since it started`,
      drops > 0,
    );
  }
  const utilization = utilizationOf(node);
  add("core", formatPercent(utilization), "Share of the last second in which its thread was busy");
  card.append(figures, loadBar(utilization));
  return card;
}

function transportsText(node: NodeState): string | undefined {
  const open = [...(node.metrics?.sessionsByTransport ?? [])].filter(([, count]) => count > 0);
  return open.length === 0 ? undefined : open.map(([transport, count]) => `${transport} ${count}`).join(", ");
}

function loadBar(utilization: number | undefined): HTMLElement {
  const ratio = Math.min(1, Math.max(0, utilization ?? 0));
  const bar = element("span", { class: loadLevel(ratio) });
  bar.style.width = `${Math.round(ratio * 100)}%`;
  return element("div", { class: "load", "aria-hidden": "true" }, bar);
}
