import type { NodeState } from "../api/node-states.ts";
import { element } from "../element.ts";

/** In the order in which they are looked for; those that nobody uses have no column. */
const TRANSPORTS: readonly (readonly [string, string])[] = [
  ["webtransport", "WebTransport"],
  ["websocket", "WebSocket"],
  ["whep", "WHEP"],
  ["hls", "HLS"],
  ["flv", "FLV"],
  ["rtmp", "RTMP"],
  ["whip", "WHIP"],
  ["quic", "QUIC"],
];

/** Who is connected where, and by what. */
export class SessionTable {
  readonly root = element("div", {
    class: "table-frame",
    tabindex: 0,
    role: "region",
    "aria-label": "Sessions",
  });
  #shown = "";

  show(nodes: readonly NodeState[]): void {
    const known = nodes.filter((node) => node.metrics !== undefined);
    const columns = TRANSPORTS.filter(([transport]) => known.some((node) => countOf(node, transport) > 0));
    const rows = known.map(
      (node) => [node.title, ...columns.map(([transport]) => countOf(node, transport))] as const,
    );
    const key = JSON.stringify([columns, rows]);
    if (key === this.#shown) return;
    this.#shown = key;
    if (columns.length === 0) {
      this.root.replaceChildren(element("p", { class: "soft" }, "Nobody is connected."));
      return;
    }
    const head = ["Node", ...columns.map(([, label]) => label)].map((label) =>
      element("th", { scope: "col" }, label),
    );
    const body = rows.map(([title, ...counts]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, title),
        ...counts.map((count) => element("td", { class: count === 0 ? "zero" : undefined }, String(count))),
      ),
    );
    const totals = columns.map(([transport]) =>
      known.reduce((total, node) => total + countOf(node, transport), 0),
    );
    this.root.replaceChildren(
      element(
        "table",
        { class: "sessions" },
        element("thead", {}, element("tr", {}, ...head)),
        element("tbody", {}, ...body),
        element(
          "tfoot",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "row" }, "All"),
            ...totals.map((total) => element("td", {}, String(total))),
          ),
        ),
      ),
    );
  }
}

function countOf(node: NodeState, transport: string): number {
  return node.metrics?.sessionsByTransport.get(transport) ?? 0;
}
