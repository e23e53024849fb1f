import "@canopy/player/define";
import "./watch.css";
import { loadAddresses } from "../api/network-addresses.ts";
import { element } from "../element.ts";
import { formatMilliseconds } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { TimedTicker } from "./timed-ticker.ts";
import { ViewerCard } from "./viewer-card.ts";
import { viewerOptions } from "./viewer-options.ts";
import { viewerAttributes } from "./watch-query.ts";

const REFRESH_MS = 500;

/** Less than a repaint, and enough to read the certificate's hash that the page has already asked for. */
const DIAL_FIRST_MS = 10;

async function openWatchPage(): Promise<void> {
  const main = openPage("/watch");
  const addresses = await loadAddresses();
  const query = new URLSearchParams(location.search);
  const attributes = viewerAttributes(query, addresses.edges);
  document.title = `${attributes.broadcast} · Canopy`;
  const ticker = new TimedTicker();
  const viewers = [new ViewerCard("Viewer 1", attributes, (detail) => ticker.add("viewer 1", detail))];
  if (query.has("second")) {
    const nextEdge = new URLSearchParams(query);
    nextEdge.set("edge", String(Math.min(addresses.edges.length, Number(query.get("edge") ?? 1) + 1)));
    const second = viewerAttributes(nextEdge, addresses.edges);
    viewers.push(new ViewerCard("Viewer 2", second, (detail) => ticker.add("viewer 2", detail)));
  }
  const apart = element("span", { class: "tag number" });
  apart.hidden = viewers.length < 2;
  const split = element(
    "div",
    { class: "split" },
    element("div", { class: "stage" }, ...viewers.map((viewer) => viewer.root)),
  );
  main.append(pageHead(attributes.broadcast ?? "", "Live, with events on their frame.", apart), split);
  // The players dial first; the rest of the page is built while they wait for the edge.
  await new Promise((resolve) => setTimeout(resolve, DIAL_FIRST_MS));
  split.append(
    element(
      "aside",
      { class: "stack", "aria-label": "Events and options" },
      panel("Timed messages", [ticker.root]),
      panel("Options", [viewerOptions(query, addresses)]),
    ),
  );
  setInterval(() => {
    for (const viewer of viewers) viewer.refresh();
    const [first, second] = viewers.map((viewer) => viewer.player.latencyMs);
    const known = first !== undefined && second !== undefined;
    apart.textContent = `viewers ${known ? formatMilliseconds(Math.abs(first - second)) : "–"} apart`;
  }, REFRESH_MS);
}

void openWatchPage();
