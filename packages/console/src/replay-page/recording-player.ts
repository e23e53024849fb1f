import type { RecordedMessage, RecordingSummary } from "../api/recordings.ts";
import { element } from "../element.ts";
import { messageText } from "../watch-page/message-text.ts";
import { currentIndex } from "./replay-clock.ts";

const FLASH_MS = 2_400;
/** A step of the position beyond this is a jump, not playback: what lies between is not shown. */
const JUMP_SECONDS = 1.5;

interface HlsPlayer {
  loadSource(url: string): void;
  attachMedia(media: HTMLMediaElement): void;
  destroy(): void;
}

/** A recording in a video element: the MP4 once there is one, the growing playlist while it runs. */
export class RecordingPlayer {
  readonly root: HTMLElement;
  readonly video = element("video", { playsinline: true, preload: "metadata" });
  readonly #onMoment: (index: number) => void;
  readonly #flash = element("div", { class: "flash", "aria-hidden": "true" });
  readonly #notice = element("p", { class: "notice bad", role: "alert", hidden: true });
  #flashTimer: ReturnType<typeof setTimeout> | undefined;
  #hls: HlsPlayer | undefined;
  #source: string | undefined;
  #messages: readonly RecordedMessage[] = [];
  #index = -1;
  #lastSeconds = 0;

  constructor(onMoment: (index: number) => void) {
    this.#onMoment = onMoment;
    this.video.setAttribute("aria-label", "Recording");
    this.root = element(
      "div",
      { class: "viewer" },
      element("div", { class: "screen" }, this.video, this.#flash),
    );
    this.root.append(this.#notice);
    this.video.addEventListener("error", () => this.#fail(this.video.error?.message ?? ""));
    this.video.addEventListener("seeking", () => this.#follow());
    this.#everyFrame();
  }

  /** Goes on playing where it was if only the recording has grown. */
  async open(recording: RecordingSummary): Promise<void> {
    const source = recording.video ?? recording.playlist;
    if (source === this.#source) return;
    const isSame = this.#source !== undefined && source !== undefined && sameRecording(source, this.#source);
    const at = isSame ? this.video.currentTime : 0;
    this.#source = source;
    this.#hls?.destroy();
    this.#hls = undefined;
    this.#notice.hidden = true;
    this.video.controls = source !== undefined;
    if (source === undefined) {
      this.video.removeAttribute("src");
      this.video.load();
      return;
    }
    if (recording.video !== undefined) this.video.src = source;
    else await this.#openPlaylist(source);
    if (at > 0) this.video.currentTime = at;
  }

  setMessages(messages: readonly RecordedMessage[]): void {
    this.#messages = messages;
    this.#index = currentIndex(messages, this.video.currentTime);
    this.#onMoment(this.#index);
  }

  seek(seconds: number): void {
    this.video.currentTime = seconds;
    // Playing needs a gesture, which this was.
    this.video.play().catch(() => undefined);
  }

  async #openPlaylist(source: string): Promise<void> {
    const { default: Hls } = await import("hls.js");
    if (this.#source !== source) return;
    // First of all hls.js: Chromium also says "maybe" to HLS of its own, and then does not parse playlists like ours.
    if (!Hls.isSupported()) {
      if (this.video.canPlayType("application/vnd.apple.mpegurl") !== "") this.video.src = source;
      else this.#fail("this browser plays recordings once they are finished");
      return;
    }
    const hls = new Hls({ startPosition: 0 });
    hls.on(Hls.Events.ERROR, (_event, { fatal, details }) => {
      if (fatal) this.#fail(details);
    });
    hls.loadSource(source);
    hls.attachMedia(this.video);
    this.#hls = hls;
  }

  #fail(reason: string): void {
    if (this.#source === undefined) return;
    this.#notice.textContent = `The recording does not play: ${reason || "its file cannot be read"}.`;
    this.#notice.hidden = false;
  }

  #everyFrame(): void {
    this.#follow();
    // Exact to the frame where the browser tells of each; otherwise as often as it paints.
    if ("requestVideoFrameCallback" in this.video && !this.video.paused) {
      this.video.requestVideoFrameCallback(() => this.#everyFrame());
    } else requestAnimationFrame(() => this.#everyFrame());
  }

  #follow(): void {
    const seconds = this.video.currentTime;
    const index = currentIndex(this.#messages, seconds);
    const isPlayback = seconds >= this.#lastSeconds && seconds - this.#lastSeconds < JUMP_SECONDS;
    this.#lastSeconds = seconds;
    if (index === this.#index) return;
    if (isPlayback && index > this.#index) {
      const message = this.#messages[index];
      if (message !== undefined) this.#show(message);
    }
    this.#index = index;
    this.#onMoment(index);
  }

  #show(message: RecordedMessage): void {
    this.#flash.textContent = messageText(message.type, message.data);
    this.#flash.classList.add("on");
    clearTimeout(this.#flashTimer);
    this.#flashTimer = setTimeout(() => this.#flash.classList.remove("on"), FLASH_MS);
  }
}

function sameRecording(a: string, b: string): boolean {
  return a.slice(0, a.lastIndexOf("/")) === b.slice(0, b.lastIndexOf("/"));
}
