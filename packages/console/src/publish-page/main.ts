import "./publish.css";
import {
  type OpenMedia,
  openMedia,
  type Publisher,
  type PublisherState,
  type PublisherStats,
  publish,
} from "@canopy/player/publish";
import { loadAddresses, sessionUrl } from "../api/network-addresses.ts";
import { element, Figures } from "../element.ts";
import { formatBitrate, formatMilliseconds } from "../shell/format-figures.ts";
import { openPage, pageHead, panel } from "../shell/page-shell.ts";
import { LevelBar } from "./level-bar.ts";
import { type PublishChoice, PublishForm } from "./publish-form.ts";
import { createTestPattern } from "./test-pattern.ts";

const STATS_INTERVAL_MS = 1_000;

/** WebRTC starts low and finds out what the network carries: for so long that is no shortcoming, s. */
const PATIENCE_S = 10;

const STATE_TEXT: Readonly<Record<PublisherState, string>> = {
  starting: "Waiting for the source",
  connecting: "Connecting to the origin",
  live: "You are live",
  reconnecting: "Connection lost, trying again",
  stopped: "Stopped",
  failed: "It did not work",
};

const LIMITATION_TEXT = {
  cpu: "Less than you asked for: this computer cannot encode more.",
  bandwidth: "Less than you asked for: the network carries no more.",
} as const;

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
    element("strong", {}, "Nothing is sent yet"),
    element("span", {}, "Check your devices first, or go live at once."),
  );
  readonly #tag = element("span", { class: "tag on-air", hidden: true });
  readonly #level = new LevelBar();
  readonly #status = element("div", { role: "status" });
  readonly #figures = new Figures([
    "Picture",
    "Rate",
    "Video",
    "Sound",
    "Codec",
    "Target",
    "Left out",
    "Round trip",
  ]);
  readonly #watch = element("a", { class: "button small", hidden: true }, "Watch it");
  #media: OpenMedia | undefined;
  #publisher: Publisher | undefined;
  #before: PublisherStats | undefined;
  #limitedS = 0;
  #opening = 0;

  constructor(main: HTMLElement, origin: string) {
    const query = new URLSearchParams(location.search);
    this.#origin = origin;
    this.#token = query.get("jwt") ?? undefined;
    this.#form = new PublishForm(query, {
      onToggle: () => void this.#toggle(),
      onCheck: () => void this.#toggleCheck(),
      onSource: () => void this.#reopen(),
      onQuality: () => this.#applyQuality(),
    });
    this.#figures.root.hidden = true;
    // The attribute alone mutes only elements that the parser made.
    this.#video.muted = true;
    main.append(
      pageHead("Publish", "Camera, screen or both, live from this browser.", this.#watch),
      element(
        "div",
        { class: "split" },
        element(
          "div",
          { class: "stack publishing" },
          element("div", { class: "preview" }, this.#video, this.#idle, this.#tag),
          this.#level.root,
          this.#status,
          this.#figures.root,
        ),
        element("aside", { "aria-label": "Settings" }, panel("Settings", [this.#form.root])),
      ),
    );
    setInterval(() => this.#showStats(), STATS_INTERVAL_MS);
  }

  async #toggle(): Promise<void> {
    if (this.#publisher !== undefined || this.#opening > 0) {
      this.#stop();
      return;
    }
    const { choice } = this.#form;
    this.#form.setLive(true);
    this.#showState("starting", undefined);
    if (!(await this.#open(choice)) || this.#media === undefined) return;
    this.#publish(choice, this.#media.stream);
  }

  async #toggleCheck(): Promise<void> {
    if (this.#media !== undefined) {
      this.#closeMedia();
      return;
    }
    if (await this.#open(this.#form.choice)) this.#say("", "This is what will be sent. Nothing is sent yet.");
  }

  /** A preview follows the choice. */
  async #reopen(): Promise<void> {
    if (this.#media === undefined || this.#publisher !== undefined) return;
    this.#closeMedia();
    await this.#open(this.#form.choice);
  }

  /** Opens the source, if it is not open, and shows it. */
  async #open(choice: PublishChoice): Promise<boolean> {
    if (this.#media !== undefined) return true;
    this.#opening += 1;
    const opening = this.#opening;
    try {
      const media = await openSource(choice);
      if (opening !== this.#opening) {
        media.stop();
        return false;
      }
      this.#media = media;
      media.onEnded(() => this.#stop());
      this.#showMedia(media.stream);
      this.#form.setChecking(true);
      // Devices have names only once one of them was allowed.
      this.#form.refreshDevices();
      return true;
    } catch (error) {
      this.#form.setLive(false);
      this.#showState("failed", error instanceof Error ? error : undefined);
      return false;
    } finally {
      if (opening === this.#opening) this.#opening = 0;
    }
  }

  #publish(choice: PublishChoice, stream: MediaStream): void {
    this.#before = undefined;
    this.#limitedS = 0;
    try {
      this.#publisher = publish({
        url: sessionUrl(this.#origin),
        protocol: choice.protocol,
        broadcast: choice.broadcast,
        source: stream,
        video: limitsOf(choice),
        audio: choice.audio && {},
        ...(this.#token !== undefined && { token: this.#token }),
        onState: (state, error) => this.#showState(state, error),
      });
      this.#figures.root.hidden = false;
      this.#watch.href = `/watch?${new URLSearchParams({ broadcast: choice.broadcast })}`;
    } catch (error) {
      this.#form.setLive(false);
      this.#showState("failed", error instanceof Error ? error : undefined);
    }
  }

  #applyQuality(): void {
    const { choice } = this.#form;
    if (this.#publisher === undefined) void this.#reopen();
    else this.#publisher.setVideo(limitsOf(choice));
  }

  #stop(): void {
    this.#opening = 0;
    if (this.#publisher !== undefined) this.#publisher.stop();
    else {
      this.#closeMedia();
      this.#form.setLive(false);
      this.#showState("stopped", undefined);
    }
  }

  #showState(state: PublisherState, error: Error | undefined): void {
    const live = state === "live";
    const over = state === "stopped" || state === "failed";
    this.#watch.hidden = !live;
    this.#tag.hidden = over && this.#media === undefined;
    this.#tag.textContent = live ? "live" : "preview";
    this.#tag.className = live ? "tag on-air live" : "tag on-air";
    const kind = live ? "good" : state === "failed" ? "bad" : state === "reconnecting" ? "warn" : "";
    const text = error ? `${STATE_TEXT[state]}: ${error.message}` : STATE_TEXT[state];
    this.#say(kind, text);
    if (!over) return;
    this.#publisher = undefined;
    this.#closeMedia();
    this.#say(kind, text);
    this.#form.setLive(false);
    this.#figures.clear();
    this.#figures.root.hidden = true;
  }

  #say(kind: string, text: string): void {
    this.#status.replaceChildren(element("p", { class: `notice ${kind}` }, text));
  }

  #showMedia(stream: MediaStream | undefined): void {
    this.#video.srcObject = stream ?? null;
    this.#idle.hidden = stream !== undefined;
    this.#tag.hidden = stream === undefined;
    this.#tag.textContent = "preview";
    this.#tag.className = "tag on-air";
    this.#level.show(stream);
  }

  #closeMedia(): void {
    this.#media?.stop();
    this.#media = undefined;
    this.#showMedia(undefined);
    this.#form.setChecking(false);
    if (this.#publisher === undefined) this.#status.replaceChildren();
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
    this.#figures.set("Round trip", stats.rttMs > 0 ? formatMilliseconds(stats.rttMs) : "–");
    if (stats.state === "live") {
      this.#limitedS = stats.limitation === undefined ? 0 : this.#limitedS + STATS_INTERVAL_MS / 1000;
      const limitation = this.#limitedS > PATIENCE_S ? stats.limitation : undefined;
      this.#say(limitation ? "warn" : "good", limitation ? LIMITATION_TEXT[limitation] : STATE_TEXT.live);
    }
    if (!before) return;
    this.#figures.set("Rate", `${Math.max(0, stats.encodedFrames - before.encodedFrames)} fps`);
    this.#figures.set("Video", formatBitrate(Math.max(0, stats.videoBytes - before.videoBytes) * 8));
    this.#figures.set("Sound", formatBitrate(Math.max(0, stats.audioBytes - before.audioBytes) * 8));
  }
}

function limitsOf({ width, height, fps, videoBitrate }: PublishChoice) {
  return { width, height, fps, bitrate: videoBitrate };
}

async function openSource(choice: PublishChoice): Promise<OpenMedia> {
  const { source, width, height, fps, audio, cameraId, microphoneId } = choice;
  if (source === "pattern") {
    const pattern = createTestPattern(width, height, fps);
    return { stream: pattern.stream, onEnded: () => {}, stop: () => pattern.stop() };
  }
  const media = await openMedia(source, {
    video: { width, height, framerate: fps },
    audio,
    videoDeviceId: cameraId,
    audioDeviceId: microphoneId,
  });
  // Text on a screen must be readable; a camera must not stutter.
  const [picture] = media.stream.getVideoTracks();
  if (picture !== undefined) picture.contentHint = source === "camera" ? "motion" : "detail";
  return media;
}

async function openPublishPage(): Promise<void> {
  const main = openPage("/publish");
  const { origin } = await loadAddresses();
  new PublishPage(main, origin);
}

void openPublishPage();
