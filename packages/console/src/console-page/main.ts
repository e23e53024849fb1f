import "./console.css";
import { type BroadcastSummary, loadBroadcasts } from "../api/broadcasts.ts";
import { loadAddresses } from "../api/network-addresses.ts";
import { type NodeState, NodeStates } from "../api/node-states.ts";
import { loadRestreams } from "../api/restreams.ts";
import { element } from "../element.ts";
import { formatBitrate } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { BroadcastList } from "./broadcast-list.ts";
import { EmbedSnippet } from "./embed-snippet.ts";
import { pollLoop } from "./poll-loop.ts";
import { RestreamPanel } from "./restream-panel.ts";
import { TimedForm } from "./timed-form.ts";
import { TreeDiagram } from "./tree-diagram.ts";

const POLL_PAUSE_MS = 2_000;

async function openConsole(): Promise<void> {
  const main = openPage("/");
  const addresses = await loadAddresses();
  const states = new NodeStates(addresses);
  const list = new BroadcastList();
  const tree = new TreeDiagram();
  const restreams = new RestreamPanel(addresses.origin);
  const form = new TimedForm(addresses.origin);
  const embed = new EmbedSnippet(addresses);
  const summary = element("div", { class: "summary", "aria-live": "off" });
  const publish = element("a", { class: "button primary", href: "/publish" }, "Publish");
  main.append(
    pageHead("Console", "What is live, how the nodes are doing, and events for the audience.", publish),
    element(
      "div",
      { class: "split" },
      element(
        "div",
        { class: "main-column" },
        panel("Broadcasts", [list.root]),
        panel("Tree", [tree.root], summary),
        panel("Restreams", [restreams.root]),
      ),
      element(
        "aside",
        { class: "side", "aria-label": "Tools" },
        panel("Timed message", [form.root]),
        panel("Embed and publish", [embed.root]),
      ),
    ),
  );

  pollLoop(async () => {
    const [answer, nodes, passedOn] = await Promise.all([
      loadBroadcasts(addresses.origin).catch((error: unknown) => String((error as Error).message)),
      states.load(),
      loadRestreams(addresses.origin).catch((error: unknown) => String((error as Error).message)),
    ]);
    list.show(answer, addresses.rtmp);
    const broadcasts = typeof answer === "string" ? [] : answer;
    const paths = broadcasts.map((broadcast) => broadcast.path);
    form.setBroadcasts(paths);
    restreams.setBroadcasts(paths);
    restreams.show(passedOn);
    embed.show(paths[0] ?? "live/demo");
    tree.show(nodes);
    summary.replaceChildren(...summaryTags(broadcasts, nodes));
  }, POLL_PAUSE_MS);
}

function summaryTags(broadcasts: readonly BroadcastSummary[], nodes: readonly NodeState[]): HTMLElement[] {
  const up = nodes.filter((node) => node.up).length;
  const edges = nodes.filter((node) => node.role === "edge");
  const viewers = edges.reduce((total, node) => total + (node.metrics?.sessions ?? 0), 0);
  const sentBps = edges.reduce((total, node) => total + (node.sentBps ?? 0), 0);
  return [
    element(
      "span",
      { class: up === nodes.length ? "tag good" : "tag bad" },
      `${up} of ${nodes.length} nodes up`,
    ),
    element("span", { class: "tag number" }, `${broadcasts.length} live`),
    element("span", { class: "tag number" }, `${viewers} edge sessions`),
    element("span", { class: "tag number" }, `${formatBitrate(sentBps)} to viewers`),
  ];
}

void openConsole();
