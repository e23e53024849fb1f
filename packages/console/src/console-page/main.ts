import "./console.css";
import { type BroadcastSummary, loadBroadcasts } from "../api/broadcasts.ts";
import { showToken } from "../api/fetch-json.ts";
import { loadAddresses } from "../api/network-addresses.ts";
import { type NodeState, NodeStates } from "../api/node-states.ts";
import { loadRecordingsAndRooms } from "../api/recordings.ts";
import { loadRestreams } from "../api/restreams.ts";
import { element } from "../element.ts";
import { formatBitrate } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { BroadcastList } from "./broadcast-list.ts";
import { EmbedSnippet } from "./embed-snippet.ts";
import { findWarnings } from "./find-warnings.ts";
import { pollLoop } from "./poll-loop.ts";
import { RecordingOverview } from "./recording-overview.ts";
import { RestreamPanel } from "./restream-panel.ts";
import { RoomRecordings } from "./room-recordings.ts";
import { SessionTable } from "./session-table.ts";
import { TimedForm } from "./timed-form.ts";
import { TreeDiagram } from "./tree-diagram.ts";
import { WarningList } from "./warning-list.ts";

const POLL_PAUSE_MS = 2_000;
const TOKEN_KEY = "canopy-operator-token";

async function openConsole(): Promise<void> {
  const main = openPage("/");
  showToken(takeToken());
  const addresses = await loadAddresses();
  const states = new NodeStates(addresses);
  const list = new BroadcastList();
  const tree = new TreeDiagram();
  const warnings = new WarningList();
  const sessions = new SessionTable();
  const restreams = new RestreamPanel(addresses.origin);
  const recordings = new RecordingOverview();
  const rooms = new RoomRecordings(addresses.origin);
  const form = new TimedForm(addresses.origin);
  const embed = new EmbedSnippet(addresses);
  const summary = element("div", { class: "summary", "aria-live": "off" });
  const publish = element("a", { class: "button primary", href: "/publish" }, "Publish");
  main.append(
    pageHead("Console", "What is live, how the nodes are doing, and events for the audience.", publish),
    element(
      "div",
      { class: "main-column" },
      panel("Tree", [tree.root], summary),
      panel("Warnings", [warnings.root]),
      element(
        "div",
        { class: "split" },
        element(
          "div",
          { class: "main-column" },
          panel("Broadcasts", [list.root]),
          panel("Sessions", [sessions.root]),
          panel("Restreams", [restreams.root]),
        ),
        element(
          "aside",
          { class: "side", "aria-label": "Recordings and tools" },
          panel("Recordings", [recordings.root]),
          panel("Rooms", [rooms.root]),
          panel("Timed message", [form.root]),
          panel("Embed and publish", [embed.root]),
        ),
      ),
    ),
  );

  pollLoop(async () => {
    const [answer, network, passedOn, recorded] = await Promise.all([
      loadBroadcasts(addresses.origin).catch(messageOf),
      states.load(),
      loadRestreams(addresses.origin).catch(messageOf),
      loadRecordingsAndRooms(addresses.origin).catch(messageOf),
    ]);
    list.show(answer, addresses.rtmp);
    const broadcasts = typeof answer === "string" ? [] : answer;
    const paths = broadcasts.map((broadcast) => broadcast.path);
    form.setBroadcasts(paths);
    restreams.setBroadcasts(paths);
    restreams.show(passedOn);
    const recordedNow = typeof recorded === "string" ? [] : recorded.recordings;
    recordings.show(typeof recorded === "string" ? recorded : recordedNow);
    rooms.setBroadcasts(paths);
    rooms.show(typeof recorded === "string" ? recorded : recorded.rooms, recordedNow);
    embed.show(paths[0] ?? "live/demo");
    tree.show(network.nodes);
    sessions.show(network.nodes);
    warnings.show(
      findWarnings({
        network,
        broadcasts,
        restreams: typeof passedOn === "string" ? [] : passedOn,
        recordings: recordedNow,
      }),
    );
    summary.replaceChildren(...summaryTags(broadcasts, network.nodes));
  }, POLL_PAUSE_MS);
}

/**
 * An operator's token, given once as `#jwt=…`: what follows the hash goes to no server. It is kept as long as the tab
 * is open, and taken out of the address, so that neither a screenshot nor a bookmark has it.
 */
function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get("jwt");
  try {
    if (given !== null) {
      sessionStorage.setItem(TOKEN_KEY, given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    return sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  } catch {
    // Storage may be forbidden; the token then stays in the address.
    return given ?? undefined;
  }
}

/** Where a list would be, why there is none. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function summaryTags(broadcasts: readonly BroadcastSummary[], nodes: readonly NodeState[]): HTMLElement[] {
  const up = nodes.filter((node) => node.up).length;
  const edges = nodes.filter((node) => node.role === "edge");
  const viewers = edges.reduce(
    (total, { metrics, load }) => total + (metrics?.sessions ?? load?.sessions ?? 0),
    0,
  );
  const sentBps = edges.reduce((total, node) => total + (node.rates?.sentBps ?? 0), 0);
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
