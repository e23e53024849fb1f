import "./publish.css";
import { type Publisher, type PublisherState, type PublisherStats, publish } from "@canopy/player/publish";
import { loadAddresses, sessionUrl } from "../api/network-addresses.ts";
import { element, Figures } from "../element.ts";
import { formatBitrate } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { type PublishChoice, PublishForm } from "./publish-form.ts";
import { createTestPattern, type TestPattern } from "./test-pattern.ts";

const STATS_INTERVAL_MS = 1_000;

const STATE_TEXT: Readonly<Record<PublisherState, string>> = {
  starting: "Waiting for the source",
  connecting: "Connecting to the origin",
  live: "Live",
  reconnecting: "Connection lost, dialing again",
  stopped: "Stopped",
  failed: "Failed",
};

class PublishPage {
  readonly #origin: string;
  readonly #token: string | undefined;
  readonly #form: PublishForm;
  readonly #video = element("video", {
    muted: true,
    playsinline: true,
    autoplay: true,
    "aria-label": "Preview",
  });
  readonly #idle = element(
    "div",
    { class: "idle" },
    "The preview appears here. Nothing is sent before you start.",
  );
  readonly #onAir = element("span", { class: "tag good live on-air", hidden: true }, "live");
  readonly #status = element("div", { role: "status" });
  readonly #figures = new Figures([
    "Picture",
    "Rate",
    "Video",
    "Sound",
    "Codec",
    "Target",
    "Left out",
    "Clock offset",
  ]);
  readonly #watch = element("a", { class: "button small", hidden: true }, "Watch it");
  #publisher: Publisher | undefined;
  #pattern: TestPattern | undefined;
  #before: PublisherStats | undefined;

  constructor(main: HTMLElement, origin: string) {
    const query = new URLSearchParams(location.search);
    this.#origin = origin;
    this.#token = query.get("jwt") ?? undefined;
    this.#form = new PublishForm(query, () => this.#toggle());
    // The attribute alone mutes only elements that the parser made.
    this.#video.muted = true;
    main.append(
      pageHead(
        "Publish",
        "From this browser to the origin as Media over QUIC: H.264 and Opus, no plug-in.",
        this.#watch,
      ),
      element(
        "div",
        { class: "split" },
        element(
          "div",
          { class: "stack publishing" },
          element("div", { class: "preview" }, this.#video, this.#idle, this.#onAir),
          this.#status,
          this.#figures.root,
        ),
        element("aside", { "aria-label": "Settings" }, panel("Source", [this.#form.root])),
      ),
    );
    setInterval(() => this.#showStats(), STATS_INTERVAL_MS);
  }

  #toggle(): void {
    if (this.#publisher) this.#publisher.stop();
    else this.#start(this.#form.choice);
  }

  #start(choice: PublishChoice): void {
    this.#before = undefined;
    try {
      if (choice.source === "pattern") {
        this.#pattern = createTestPattern(choice.width, choice.height, choice.fps);
      }
      this.#publisher = publish({
        url: sessionUrl(this.#origin),
        broadcast: choice.broadcast,
        source: this.#pattern?.stream ?? (choice.source === "screen" ? "screen" : "camera"),
        video: {
          width: choice.width,
          height: choice.height,
          fps: choice.fps,
          bitrate: choice.videoBitrate,
          ...(choice.cameraId !== undefined && { deviceId: choice.cameraId }),
        },
        audio: choice.audio && {
          ...(choice.microphoneId !== undefined && { deviceId: choice.microphoneId }),
        },
        ...(this.#token !== undefined && { token: this.#token }),
        onState: (state, error) => this.#showState(state, error),
      });
      this.#form.setBusy(true);
      this.#watch.href = `/watch?${new URLSearchParams({ broadcast: choice.broadcast })}`;
      this.#showState("starting", undefined);
    } catch (error) {
      this.#showState("failed", error instanceof Error ? error : undefined);
    }
  }

  #showState(state: PublisherState, error: Error | undefined): void {
    const live = state === "live";
    const over = state === "stopped" || state === "failed";
    this.#onAir.hidden = !live;
    this.#watch.hidden = !live;
    // Devices have names only once one of them was allowed.
    if (live) this.#form.refreshDevices();
    const kind = live ? "good" : state === "failed" ? "bad" : state === "reconnecting" ? "warn" : "";
    const text = error ? `${STATE_TEXT[state]}: ${error.message}` : STATE_TEXT[state];
    this.#status.replaceChildren(element("p", { class: `notice ${kind}` }, text));
    const stream = over ? undefined : (this.#publisher?.stream ?? this.#pattern?.stream);
    if (this.#video.srcObject !== (stream ?? null)) this.#video.srcObject = stream ?? null;
    this.#idle.hidden = stream !== undefined;
    if (!over) return;
    this.#publisher = undefined;
    this.#pattern?.stop();
    this.#pattern = undefined;
    this.#form.setBusy(false);
  }

  #showStats(): void {
    const stats = this.#publisher?.stats();
    if (!stats) return;
    const before = this.#before;
    this.#before = stats;
    this.#figures.set("Picture", stats.width > 0 ? `${stats.width}×${stats.height}` : "–");
    this.#figures.set("Codec", stats.codec ?? "–");
    this.#figures.set("Target", formatBitrate(stats.targetBitrate));
    this.#figures.set("Left out", String(stats.droppedFrames));
    this.#figures.set(
      "Clock offset",
      stats.clockOffsetUs === undefined ? "–" : `${(stats.clockOffsetUs / 1000).toFixed(1)} ms`,
    );
    if (!before) return;
    this.#figures.set("Rate", `${stats.encodedFrames - before.encodedFrames} fps`);
    this.#figures.set("Video", formatBitrate((stats.videoBytes - before.videoBytes) * 8));
    this.#figures.set("Sound", formatBitrate((stats.audioBytes - before.audioBytes) * 8));
  }
}

async function openPublishPage(): Promise<void> {
  const main = openPage("/publish");
  const { origin } = await loadAddresses();
  new PublishPage(main, origin);
}

void openPublishPage();
