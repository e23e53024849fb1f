import type { BroadcastSummary } from "../api/broadcasts.ts";
import { element } from "../element.ts";
import { formatBitrate, formatDuration } from "../shell/format-figures.ts";
import { bFramesAdvice } from "./b-frames-advice.ts";

/** The live broadcasts with their health; keeps focus and opened advice where they are while figures change. */
export class BroadcastList {
  readonly root = element("div");
  #shown = "";

  /** A text tells why there is no list. */
  show(broadcasts: readonly BroadcastSummary[] | string, rtmp: string): void {
    const key = JSON.stringify([broadcasts, rtmp]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = document.activeElement?.getAttribute("data-focus");
    const opened = [...this.root.querySelectorAll("details[open]")].map((details) => details.id);
    this.root.replaceChildren(...this.#content(broadcasts, rtmp));
    for (const details of this.root.querySelectorAll("details")) details.open = opened.includes(details.id);
    if (focused) this.root.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  #content(broadcasts: readonly BroadcastSummary[] | string, rtmp: string): Node[] {
    if (typeof broadcasts === "string") {
      return [
        element(
          "p",
          { class: "notice bad" },
          `The origin cannot be asked: ${broadcasts}. Trying again every 2 seconds.`,
        ),
      ];
    }
    if (broadcasts.length === 0) return [emptyHint(rtmp)];
    return broadcasts.map(broadcastEntry);
  }
}

function emptyHint(rtmp: string): HTMLElement {
  return element(
    "div",
    { class: "empty" },
    element("strong", {}, "Nothing is live"),
    element(
      "span",
      {},
      "Push a stream from OBS or ffmpeg to ",
      element("span", { class: "mono" }, `${rtmp}/live/demo`),
    ),
    element("a", { class: "button small", href: "/publish" }, "or publish from this browser"),
  );
}

function broadcastEntry(broadcast: BroadcastSummary): HTMLElement {
  const query = new URLSearchParams({ broadcast: broadcast.path });
  const seconds = broadcast.startedMs === undefined ? undefined : (Date.now() - broadcast.startedMs) / 1000;
  const watch = element(
    "a",
    { class: "button small primary", href: `/watch?${query}`, "data-focus": `watch:${broadcast.path}` },
    "Watch",
  );
  watch.setAttribute("aria-label", `Watch ${broadcast.path}`);
  const entry = element(
    "article",
    { class: "broadcast", "aria-label": broadcast.path },
    element(
      "div",
      { class: "broadcast-head" },
      element("span", { class: "path" }, broadcast.path),
      healthTag(broadcast),
      broadcast.publisher !== undefined &&
        element("span", { class: "tag" }, broadcast.publisher.toUpperCase()),
      broadcast.bitrateBps !== undefined &&
        element("span", { class: "tag number" }, formatBitrate(broadcast.bitrateBps)),
      seconds !== undefined && element("span", { class: "soft number" }, `for ${formatDuration(seconds)}`),
      element("div", { class: "actions" }, watch),
    ),
  );
  if (broadcast.tracks.length > 0) {
    const tracks = broadcast.tracks.map((track) =>
      element(
        "li",
        {},
        element("b", {}, track.name),
        track.description === "" ? "" : ` ${track.description}`,
      ),
    );
    entry.append(element("ul", { class: "tracks", "aria-label": "Tracks" }, ...tracks));
  }
  if (broadcast.warnings.length > 0) {
    const warnings = broadcast.warnings.map(({ code, text }) =>
      element("li", {}, text, code === "b-frames" && bFramesAdvice(broadcast.path)),
    );
    entry.append(element("ul", { class: "warnings", "aria-label": "Warnings" }, ...warnings));
  }
  return entry;
}

function healthTag(broadcast: BroadcastSummary): HTMLElement {
  if (!broadcast.connected) return element("span", { class: "tag bad" }, "publisher lost");
  const warnings = broadcast.warnings.length;
  if (warnings === 0) return element("span", { class: "tag good live" }, "live");
  return element("span", { class: "tag warn live" }, warnings === 1 ? "1 warning" : `${warnings} warnings`);
}
