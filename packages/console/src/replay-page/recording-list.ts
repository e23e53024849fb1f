import { type RecordingSummary, startRecording, stopRecording } from "../api/recordings.ts";
import { element, field } from "../element.ts";
import { actWithButton } from "../shell/act-with-button.ts";
import { formatBytes } from "../shell/format-figures.ts";
import { RECORDING_TAGS } from "../shell/recording-tags.ts";
import { replaceKeepingFocus } from "../shell/replace-keeping-focus.ts";
import { formatOffset } from "./replay-clock.ts";

/** All recordings, with what can be done with each, and a form that starts one. */
export class RecordingList {
  readonly root: HTMLElement;
  readonly #origin: string;
  readonly #list = element("div");
  readonly #broadcast = element("input", {
    type: "text",
    id: "record-broadcast",
    list: "record-broadcasts",
    required: true,
    maxlength: 256,
    placeholder: "live/demo",
  });
  readonly #paths = element("datalist", { id: "record-broadcasts" });
  readonly #start = element("button", { class: "button primary", type: "submit" }, "Record");
  readonly #result = element("div", { role: "status" });
  #shown = "";

  constructor(origin: string) {
    this.#origin = origin;
    const form = element(
      "form",
      { class: "row record-form", "aria-label": "Start a recording" },
      field("Broadcast to record", this.#broadcast),
      this.#start,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void actWithButton(this.#start, this.#result, () =>
        startRecording(this.#origin, this.#broadcast.value.trim()),
      );
    });
    this.root = element("div", { class: "stack" }, form, this.#paths, this.#result, this.#list);
  }

  setBroadcasts(paths: readonly string[]): void {
    this.#paths.replaceChildren(...paths.map((path) => element("option", { value: path })));
  }

  /** A text tells why there is no list. */
  show(recordings: readonly RecordingSummary[] | string, chosenId: string | undefined): void {
    const key = JSON.stringify([recordings, chosenId]);
    if (key === this.#shown) return;
    this.#shown = key;
    replaceKeepingFocus(this.#list, this.#content(recordings, chosenId));
  }

  #content(recordings: readonly RecordingSummary[] | string, chosenId: string | undefined): Node[] {
    if (typeof recordings === "string") {
      return [element("p", { class: "notice bad" }, `The origin cannot be asked: ${recordings}.`)];
    }
    if (recordings.length === 0) {
      return [
        element(
          "div",
          { class: "empty" },
          element("strong", {}, "Nothing is recorded yet"),
          element("span", {}, "Name a broadcast above; one that is not live yet is waited for."),
        ),
      ];
    }
    return recordings.map((recording) => this.#entry(recording, recording.id === chosenId));
  }

  #entry(recording: RecordingSummary, isChosen: boolean): HTMLElement {
    const { id, broadcast, state, createdMs, durationSeconds, bytes, events, error } = recording;
    const when = createdMs === undefined ? id : new Date(createdMs).toLocaleString();
    const open = element(
      "a",
      { class: "path", href: `/replay?id=${encodeURIComponent(id)}`, "data-focus": `open:${id}` },
      broadcast,
    );
    if (isChosen) open.setAttribute("aria-current", "true");
    const isRunning = state === "recording" || state === "waiting";
    const act = element(
      "button",
      { class: "button small danger", type: "button", "data-focus": `act:${id}` },
      isRunning ? "Stop" : "Delete",
    );
    act.setAttribute("aria-label", `${isRunning ? "Stop" : "Delete"} the recording of ${broadcast}, ${when}`);
    act.disabled = state === "finishing";
    act.addEventListener("click", () => {
      const isSure = isRunning || confirm(`Delete the recording of ${broadcast}, ${when}?`);
      if (isSure) void actWithButton(act, this.#result, () => stopRecording(this.#origin, id, !isRunning));
    });
    const entry = element(
      "article",
      { class: isChosen ? "broadcast chosen" : "broadcast", "aria-label": `${broadcast}, ${when}` },
      element(
        "div",
        { class: "broadcast-head" },
        open,
        element("span", { class: RECORDING_TAGS[state] ?? "tag" }, state),
        element("div", { class: "actions" }, act),
      ),
      element(
        "ul",
        { class: "tracks" },
        element("li", { class: "number" }, when),
        element("li", { class: "number" }, formatOffset(durationSeconds)),
        element("li", { class: "number" }, formatBytes(bytes)),
        events > 0 && element("li", { class: "number" }, events === 1 ? "1 event" : `${events} events`),
      ),
    );
    if (error !== undefined) entry.append(element("p", { class: "notice warn" }, error));
    return entry;
  }
}
