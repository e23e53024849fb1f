import {
  type RecordingSummary,
  type RoomSummary,
  startRoomRecording,
  stopRecording,
} from "../api/recordings.ts";
import { element, field } from "../element.ts";
import { actWithButton } from "../shell/act-with-button.ts";
import { formatBytes, formatDuration } from "../shell/format-figures.ts";
import { RECORDING_TAGS } from "../shell/recording-tags.ts";
import { replaceKeepingFocus } from "../shell/replace-keeping-focus.ts";

/** Rooms in which everything is recorded, with what has come of it, and a form that starts another one. */
export class RoomRecordings {
  readonly root: HTMLElement;
  readonly #origin: string;
  readonly #list = element("div");
  readonly #room = element("input", {
    type: "text",
    id: "record-room",
    list: "record-rooms",
    required: true,
    maxlength: 256,
    placeholder: "class-7",
  });
  readonly #rooms = element("datalist", { id: "record-rooms" });
  readonly #start = element("button", { class: "button primary", type: "submit" }, "Record room");
  readonly #result = element("div", { role: "status" });
  #shown = "";
  #offered = "";

  constructor(origin: string) {
    this.#origin = origin;
    const form = element(
      "form",
      { class: "stack", "aria-label": "Record a room" },
      field("Room to record", this.#room, "Every broadcast below this path, now or later."),
      this.#rooms,
      element("div", { class: "row" }, this.#start),
      this.#result,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void actWithButton(this.#start, this.#result, async () => {
        await startRoomRecording(this.#origin, this.#room.value.trim());
        this.#room.value = "";
      });
    });
    this.root = element("div", { class: "stack" }, this.#list, form);
  }

  /** Offers the rooms that these broadcasts are in. */
  setBroadcasts(paths: readonly string[]): void {
    const rooms = [...new Set(paths.flatMap(roomsAbove))].sort();
    const key = rooms.join("\n");
    if (key === this.#offered) return;
    this.#offered = key;
    this.#rooms.replaceChildren(...rooms.map((room) => element("option", { value: room })));
  }

  /** A text tells why there is no list. */
  show(rooms: readonly RoomSummary[] | string, recordings: readonly RecordingSummary[]): void {
    const key = JSON.stringify([rooms, recordings.map(({ id, broadcast, state }) => [id, broadcast, state])]);
    if (key === this.#shown) return;
    this.#shown = key;
    replaceKeepingFocus(this.#list, this.#content(rooms, recordings));
  }

  #content(rooms: readonly RoomSummary[] | string, recordings: readonly RecordingSummary[]): Node[] {
    if (typeof rooms === "string") {
      return [element("p", { class: "notice bad" }, `The origin cannot be asked: ${rooms}.`)];
    }
    if (rooms.length === 0) return [element("p", { class: "soft" }, "No room is recorded.")];
    return rooms.map((room) => this.#entry(room, recordings));
  }

  #entry(summary: RoomSummary, recordings: readonly RecordingSummary[]): HTMLElement {
    const { id, room, state, durationSeconds, bytes, error } = summary;
    const isRunning = state === "recording" || state === "waiting";
    const act = element(
      "button",
      { class: "button small danger", type: "button", "data-focus": `room:${id}` },
      isRunning ? "Stop" : "Delete",
    );
    act.setAttribute("aria-label", `${isRunning ? "Stop" : "Delete"} the recording of room ${room}`);
    act.disabled = state === "finishing";
    act.addEventListener("click", () => {
      const isSure =
        isRunning || confirm(`Delete the recording of room ${room}, with all that belongs to it?`);
      if (isSure) void actWithButton(act, this.#result, () => stopRecording(this.#origin, id, !isRunning));
    });
    const own = recordings.filter((recording) => summary.recordings.includes(recording.id));
    const entry = element(
      "article",
      { class: "broadcast", "aria-label": `Room ${room}` },
      element(
        "div",
        { class: "broadcast-head" },
        element("span", { class: "path" }, room),
        element("span", { class: RECORDING_TAGS[state] ?? "tag" }, state),
        element("div", { class: "actions" }, act),
      ),
      element(
        "ul",
        { class: "tracks" },
        element("li", { class: "number" }, countOf(summary.recordings.length)),
        element("li", { class: "number" }, formatDuration(durationSeconds)),
        element("li", { class: "number" }, formatBytes(bytes)),
      ),
    );
    if (own.length > 0) entry.append(element("ul", { class: "recordings of-room" }, ...own.map(linkTo)));
    if (error !== undefined) entry.append(element("p", { class: "notice warn" }, error));
    return entry;
  }
}

function linkTo({ id, broadcast, state }: RecordingSummary): HTMLElement {
  const href = `/replay?${new URLSearchParams({ id })}`;
  return element(
    "li",
    {},
    element("a", { class: "mono", href, "data-focus": `replay:${id}` }, broadcast),
    element("span", { class: RECORDING_TAGS[state] ?? "tag" }, state),
  );
}

function countOf(recordings: number): string {
  return recordings === 1 ? "1 recording" : `${recordings} recordings`;
}

/** `a/b/c` is in the rooms `a` and `a/b`. */
function roomsAbove(path: string): string[] {
  const segments = path.split("/");
  return segments.slice(1).map((_segment, index) => segments.slice(0, index + 1).join("/"));
}
