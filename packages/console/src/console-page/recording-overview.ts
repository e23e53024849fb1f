import type { RecordingSummary } from "../api/recordings.ts";
import { element } from "../element.ts";
import { formatBytes, formatDuration } from "../shell/format-figures.ts";
import { RECORDING_TAGS } from "../shell/recording-tags.ts";

/** The newest ones; the others are on the replay page. */
const SHOWN = 6;

/** The latest recordings, with links to the page where they are played, started and stopped. */
export class RecordingOverview {
  readonly root = element("div");
  #shown = "";

  /** A text tells why there is no list. */
  show(recordings: readonly RecordingSummary[] | string): void {
    const key = JSON.stringify(recordings);
    if (key === this.#shown) return;
    this.#shown = key;
    this.root.replaceChildren(...content(recordings));
  }
}

function content(recordings: readonly RecordingSummary[] | string): Node[] {
  if (typeof recordings === "string") {
    return [element("p", { class: "notice bad" }, `The origin cannot be asked: ${recordings}.`)];
  }
  const all = element(
    "a",
    { href: "/replay" },
    recordings.length > SHOWN ? "All recordings" : "Record and replay",
  );
  if (recordings.length === 0) return [element("p", { class: "soft" }, "Nothing is recorded. ", all)];
  const newest = [...recordings].sort((a, b) => (b.createdMs ?? 0) - (a.createdMs ?? 0)).slice(0, SHOWN);
  const entries = newest.map(({ id, broadcast, state, durationSeconds, bytes }) =>
    element(
      "li",
      {},
      element("a", { class: "mono", href: `/replay?${new URLSearchParams({ id })}` }, broadcast),
      element("span", { class: RECORDING_TAGS[state] ?? "tag" }, state),
      element("span", { class: "soft number" }, `${formatDuration(durationSeconds)} · ${formatBytes(bytes)}`),
    ),
  );
  return [element("ul", { class: "recordings" }, ...entries), element("p", { class: "soft" }, all)];
}
