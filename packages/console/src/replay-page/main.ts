import "../console-page/console.css";
import "../watch-page/watch.css";
import "./replay.css";
import { loadBroadcasts } from "../api/broadcasts.ts";
import { loadAddresses } from "../api/network-addresses.ts";
import { loadRecordings, loadTimeline, type RecordingSummary } from "../api/recordings.ts";
import { pollLoop } from "../console-page/poll-loop.ts";
import { element, Figures } from "../element.ts";
import { formatBytes } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { EventList } from "./event-list.ts";
import { RecordingList } from "./recording-list.ts";
import { RecordingPlayer } from "./recording-player.ts";
import { formatOffset } from "./replay-clock.ts";

const POLL_PAUSE_MS = 2_000;

async function openReplayPage(): Promise<void> {
  const main = openPage("/replay");
  const { origin } = await loadAddresses();
  const wantedId = new URLSearchParams(location.search).get("id") ?? undefined;
  const list = new RecordingList(origin);
  const player = new RecordingPlayer((index) => events.highlight(index));
  const events = new EventList((seconds) => player.seek(seconds));
  const figures = new Figures(["Broadcast", "Length", "Size"]);
  const downloads = element("div", { class: "row" });
  main.append(
    pageHead("Replay", "Recordings, with their events at their moments."),
    element(
      "div",
      { class: "split" },
      element("div", { class: "stack" }, player.root, figures.root, downloads),
      element(
        "aside",
        { class: "stack", "aria-label": "Events and recordings" },
        panel("Events", [events.root]),
        panel("Recordings", [list.root]),
      ),
    ),
  );

  let shown = "";
  const show = async (recording: RecordingSummary | undefined): Promise<void> => {
    if (recording === undefined) return;
    document.title = `${recording.broadcast} · Canopy`;
    figures.set("Broadcast", recording.broadcast);
    figures.set("Length", formatOffset(recording.durationSeconds));
    figures.set("Size", formatBytes(recording.bytes));
    const key = `${recording.id} ${recording.state} ${recording.events} ${recording.video}`;
    if (key === shown) return;
    shown = key;
    downloads.replaceChildren(...downloadLinks(recording));
    await player.open(recording);
    const messages = recording.timeline === undefined ? [] : await loadTimeline(recording.timeline);
    events.show(messages);
    player.setMessages(messages);
  };

  pollLoop(async () => {
    const [recordings, broadcasts] = await Promise.all([
      loadRecordings(origin).catch((error: unknown) => String((error as Error).message)),
      loadBroadcasts(origin).catch(() => []),
    ]);
    list.setBroadcasts(broadcasts.map(({ path }) => path));
    const known = typeof recordings === "string" ? [] : recordings;
    const chosen = known.find(({ id }) => id === wantedId) ?? (wantedId === undefined ? known[0] : undefined);
    list.show(recordings, chosen?.id);
    // A timeline that does not come now comes with the next round.
    await show(chosen).catch(() => {
      shown = "";
    });
  }, POLL_PAUSE_MS);
}

function downloadLinks({ broadcast, video, timeline }: RecordingSummary): HTMLElement[] {
  const name = broadcast.replaceAll("/", "-");
  const link = (href: string, file: string, text: string) =>
    element("a", { class: "button", href, download: file }, text);
  return [
    ...(video === undefined ? [] : [link(video, `${name}.mp4`, "Download MP4")]),
    ...(timeline === undefined ? [] : [link(timeline, `${name}.json`, "Download events")]),
  ];
}

void openReplayPage();
