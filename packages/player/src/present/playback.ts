import { readTimedMessages } from "@canopy/media/timed";
import type { Clock } from "../clock.ts";
import type { PlayerError } from "../player-error.ts";
import type { EncodedFrame } from "../store/encoded-frame.ts";
import type { JitterBuffer } from "../store/jitter-buffer.ts";
import { type TimedEventDetail, TimedQueue } from "../timed/timed-queue.ts";
import type { DecodedTiming, ElementFrame, TrackKind } from "../upstream/upstream.ts";
import { AudioTrack } from "./audio-track.ts";
import { DecodedTrack } from "./decoded-track.ts";
import type { FrameQueue } from "./frame-queue.ts";
import type { FrameScheduler } from "./frame-scheduler.ts";
import { LiveTiming } from "./live-timing.ts";
import { type PresentedFrame, PresentedLog } from "./presented-log.ts";
import { Sound } from "./sound.ts";
import { VideoTrack } from "./video-track.ts";

/** Nothing to present for this long is a stall that the viewer notices. */
const STALL_US = 600_000;

/** Frames that are later than this do not wait for a repaint each. */
const CATCH_UP_LATE_US = 80_000;

/** Times that differ by more belong to another run of the publisher's clock; no group is this long. */
const NEW_TIMELINE_US = 30_000_000;

/** A picture is shown at the repaint that is nearest to its time: half of the time between two, at 60 Hz. */
const HALF_REPAINT_US = 8_000;

/** The sound device is opened after the first picture, which it would hold up; or after this, if none comes. */
const SOUND_WAIT_US = 1_000_000;

/** As STALL_US for a hidden page, whose timers fire once a second. */
const HIDDEN_STALL_US = 3_000_000;

/** Audio is told about the clock at least this often, to follow the drift of its device. */
const AUDIO_LINE_US = 250_000;

export interface PlaybackOptions {
  readonly latencyUs: number;
  readonly isSync: boolean;
  readonly isMuted: boolean;
  readonly volume: number;
}

export interface PlaybackDeps {
  readonly clock: Clock;
  readonly scheduler: FrameScheduler;
  /** Undefined: pictures are decoded and timed, but not painted. */
  readonly painter: { paint(frame: VideoFrame): void } | undefined;
  readonly onPresented: (frame: PresentedFrame) => void;
  /** A picture was painted (not one of the browser's own element). */
  readonly onPainted: () => void;
  readonly onTimed: (detail: TimedEventDetail) => void;
  /** Media flows (again). */
  readonly onPresenting: () => void;
  readonly onStarved: () => void;
  readonly onError: (error: PlayerError) => void;
  /** Whether the browser lets sound out has changed. */
  readonly onSoundChange: () => void;
}

/** Frames in, picture and sound out: owns the media clock and everything behind the network. */
export class Playback {
  readonly timing: LiveTiming;
  readonly sound: Sound;
  readonly timed = new TimedQueue();
  readonly presented = new PresentedLog();
  readonly #deps: PlaybackDeps;
  #video: VideoTrack | undefined;
  /** Takes over from `#video` when it has decoded up to the present. */
  #nextVideo: VideoTrack | undefined;
  #audio: AudioTrack | undefined;
  /** The browser itself receives and decodes; its pictures are painted here, its sound comes out of an element. */
  #decoded: DecodedTrack | undefined;
  #isElementAudible = false;
  #isHidden = false;
  /** The browser's own element presents: its pictures tell the time, or, without any, its sound. */
  #element: "picture" | "sound" | undefined;
  #hasPainted = false;
  /** Since when a format waits for the sound device to be opened. */
  #soundWaitUs: number | undefined;
  #progressUs: number | undefined;
  #isStarved = false;
  #lastLineUs = 0;
  #width = 0;
  #height = 0;
  #stalls = 0;
  #earlierDrops = 0;
  #earlierGaps = 0;
  #firstPaintUs: number | undefined;

  constructor(options: PlaybackOptions, deps: PlaybackDeps) {
    this.#deps = deps;
    this.timing = new LiveTiming(options);
    this.sound = new Sound(
      { isMuted: options.isMuted, volume: options.volume },
      {
        onChange: () => {
          this.#lastLineUs = 0;
          deps.onSoundChange();
        },
        onError: deps.onError,
      },
    );
    deps.scheduler.start(() => this.tick());
  }

  get video(): VideoTrack | undefined {
    return this.#video;
  }

  get audio(): AudioTrack | undefined {
    return this.#audio;
  }

  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#width, height: this.#height };
  }

  get stalls(): number {
    return this.#stalls;
  }

  /** Local time of the first picture, µs. */
  get firstPaintUs(): number | undefined {
    return this.#firstPaintUs;
  }

  get droppedFrames(): number {
    return this.#earlierDrops + (this.#video?.droppedFrames ?? 0) + (this.#decoded?.queue.lateFrames ?? 0);
  }

  get gaps(): number {
    return this.#earlierGaps + (this.#video?.buffer.stats.gaps ?? 0) + (this.#audio?.buffer.stats.gaps ?? 0);
  }

  /** The browser decodes by itself, into its own element or for us to paint. */
  get isDecodedOutside(): boolean {
    return this.#element !== undefined || this.#decoded !== undefined;
  }

  /** All that came has been presented. */
  get isDrained(): boolean {
    return (
      (this.#video === undefined ||
        (this.#video.buffer.frameCount === 0 && this.#video.queue.length === 0)) &&
      (this.#audio === undefined || this.#audio.buffer.frameCount === 0) &&
      (this.#decoded === undefined || this.#decoded.queue.length === 0)
    );
  }

  /** From the next frame on, video is that of `name`; the picture of before stays until then. */
  setVideo(name: string | undefined, config: VideoDecoderConfig | undefined): void {
    if (name === undefined || config === undefined) {
      this.#dropVideo();
      return;
    }
    const track = new VideoTrack(
      { name, config },
      {
        // Decoding makes room, and a burst is decoded faster than frames are painted.
        onDecoded: () => {
          // The very first picture waits for nothing, or the rest of its burst would be decoded before it is seen.
          if (this.#video === track) this.#paintFirst();
          track.feed(this.#mediaUs());
        },
        eventUs: () => this.timed.nextUs,
        onError: this.#deps.onError,
      },
    );
    track.setHidden(this.#isHidden);
    const last = this.presented.last;
    if (last !== undefined) track.queue.setFloor(last.timestampUs);
    if (this.#video === undefined) {
      this.#video = track;
      return;
    }
    this.#nextVideo?.close();
    this.#nextVideo = track;
  }

  setAudio(name: string | undefined, config: AudioDecoderConfig | undefined): void {
    this.#earlierGaps += this.#audio?.buffer.stats.gaps ?? 0;
    this.#audio?.close();
    this.#audio = undefined;
    if (name === undefined || config === undefined) return;
    this.#audio = new AudioTrack({ name, config }, { onError: this.#deps.onError });
    if (this.#hasPainted || this.#video === undefined) {
      this.sound.open(config.sampleRate, config.numberOfChannels);
    } else this.#soundWaitUs = this.#deps.clock.nowUs();
  }

  onGroupOpen(kind: TrackKind, track: string, sequence: number): void {
    this.#buffer(kind, track, sequence)?.openGroup(sequence);
  }

  onFrame(kind: TrackKind, track: string, sequence: number, frame: EncodedFrame): void {
    const buffer = this.#buffer(kind, track, sequence);
    if (buffer === undefined) return;
    this.#element = undefined;
    this.#dropDecoded();
    const nowUs = this.#deps.clock.nowUs();
    this.#watchTimeline(frame.timestampUs);
    this.timing.onArrival(kind, nowUs, frame.timestampUs);
    if (kind === "video") {
      for (const { message } of readTimedMessages(frame.payload)) this.timed.add(message, "sei");
    }
    buffer.push(sequence, frame);
    const mediaUs = this.#mediaUs();
    if (kind === "audio") this.#feedAudio(mediaUs);
    else this.#videoOf(track, sequence)?.feed(mediaUs);
  }

  onGroupEnd(kind: TrackKind, track: string, sequence: number, aborted: boolean): void {
    const buffer = this.#buffer(kind, track, sequence);
    if (aborted) buffer?.abortGroup(sequence);
    else buffer?.endGroup(sequence);
  }

  /** A picture that the browser has decoded; it is painted, and closed, here. */
  onDecodedFrame(frame: VideoFrame, { timestampUs, heldUs }: DecodedTiming): void {
    const decoded = this.#enterDecoded();
    const nowUs = this.#deps.clock.nowUs();
    if (timestampUs === undefined) {
      this.#paint(frame);
      frame.close();
      this.#watchProgress(true, nowUs);
      return;
    }
    this.#watchTimeline(timestampUs);
    this.timing.onArrival("video", nowUs, timestampUs, heldUs);
    decoded.push(frame, timestampUs);
    while (decoded.isFull && this.#presentFirst(decoded.queue, nowUs));
    // Timers of a hidden page run once a second; its pictures come all the same, and say that time goes on.
    if (this.#isHidden) this.tick();
    else this.#paintFirst();
  }

  /** How long the sound of the browser's own element takes, while its pictures are painted here. */
  onElementSound(transitUs: number, isAudible: boolean): void {
    this.#isElementAudible = isAudible;
    this.timing.onSound(transitUs, this.#deps.clock.nowUs());
  }

  /** A frame that the browser's own element has presented. */
  onElementFrame(frame: ElementFrame): void {
    const { timestampUs, presentedAtUs, width, height } = frame;
    this.#enterElement("picture");
    this.#firstPaintUs ??= presentedAtUs;
    this.#width = width;
    this.#height = height;
    if (timestampUs !== undefined) {
      this.#watchTimeline(timestampUs);
      this.timing.onElement(presentedAtUs, timestampUs);
      this.#onPresented(timestampUs, presentedAtUs);
    }
    this.#watchProgress(true, presentedAtUs);
  }

  /** What the browser's own element lets be heard, while it shows nothing. */
  onElementTime(timestampUs: number, presentedAtUs: number): void {
    this.#enterElement("sound");
    this.#watchTimeline(timestampUs);
    this.timing.onElement(presentedAtUs, timestampUs);
    this.timed.onPresented(timestampUs, this.#deps.onTimed);
    this.#watchProgress(true, this.#deps.clock.nowUs());
  }

  setHidden(hidden: boolean): void {
    if (this.#isHidden === hidden) return;
    this.#isHidden = hidden;
    this.#video?.setHidden(hidden);
    this.#nextVideo?.setHidden(hidden);
    this.#decoded?.setHidden(hidden);
    this.#progressUs = this.#deps.clock.nowUs();
  }

  /** Another session brings the same broadcast: groups may come again or be missing, the clock goes on. */
  onPathChange(): void {
    this.timing.onPathChange();
  }

  close(): void {
    this.#deps.scheduler.stop();
    this.#video?.close();
    this.#nextVideo?.close();
    this.#audio?.close();
    this.#dropDecoded();
    this.sound.close();
  }

  /** Presents what is due. Called before every repaint. */
  tick(): void {
    if (this.#element !== undefined) {
      this.#tickElement(this.#deps.clock.nowUs());
      return;
    }
    if (!this.timing.clock.isRunning) return;
    const nowUs = this.#deps.clock.nowUs();
    this.#openSound(nowUs);
    if (this.#decoded !== undefined) this.timing.setAudible(this.#isElementAudible, 0);
    else this.timing.setAudible(this.sound.isAudible, this.sound.output?.deviceUs ?? 0);
    const isChanged = this.timing.update(nowUs);
    if (isChanged || nowUs - this.#lastLineUs > AUDIO_LINE_US) {
      this.#lastLineUs = nowUs;
      this.sound.output?.setLine(this.timing.clock.mediaUs(nowUs), this.timing.clock.rate);
    }
    const mediaUs = this.timing.clock.mediaUs(nowUs);
    this.#feedAudio(mediaUs);
    this.#takeOver(mediaUs);
    this.#video?.feed(mediaUs);
    const moved = this.#presentVideo(mediaUs, nowUs) || this.#presentWithoutPicture(mediaUs);
    this.#watchProgress(moved, nowUs);
  }

  #enterElement(by: "picture" | "sound"): void {
    if (!this.isDecodedOutside) this.#dropTracks();
    this.#dropDecoded();
    this.#element = by;
  }

  #enterDecoded(): DecodedTrack {
    if (!this.isDecodedOutside) this.#dropTracks();
    this.#element = undefined;
    if (this.#decoded !== undefined) return this.#decoded;
    const decoded = new DecodedTrack({ isHidden: this.#isHidden });
    const last = this.presented.last;
    if (last !== undefined) decoded.queue.setFloor(last.timestampUs);
    this.#decoded = decoded;
    return decoded;
  }

  /** What came over another transport before is not presented any more. */
  #dropTracks(): void {
    this.#dropVideo();
    this.setAudio(undefined, undefined);
  }

  #tickElement(nowUs: number): void {
    if (this.#element === "sound" && !this.#isStarved) {
      this.timed.onPresented(this.timing.clock.mediaUs(nowUs), this.#deps.onTimed);
    }
    this.#watchProgress(false, nowUs);
  }

  /** A publisher that counts from elsewhere after a restart: everything starts anew at its times. */
  #watchTimeline(timestampUs: number): void {
    const last = this.presented.last;
    if (last === undefined || Math.abs(timestampUs - last.timestampUs) < NEW_TIMELINE_US) return;
    if (this.timing.isAbsolute && timestampUs > last.timestampUs) return;
    this.presented.forgetLast();
    this.timing.stop();
    this.timed.rejoin();
    this.#video?.reset();
    this.#nextVideo?.reset();
    this.#audio?.reset();
    this.#decoded?.reset();
  }

  #presentVideo(mediaUs: number, nowUs: number): boolean {
    const queue = this.#pictures;
    if (queue === undefined) return false;
    let moved = false;
    for (;;) {
      const frame = queue.takeDue(mediaUs + HALF_REPAINT_US, this.timed.nextUs);
      if (frame === undefined) break;
      moved = true;
      const timestampUs = frame.timestamp;
      this.#present(frame, nowUs);
      // Frames with messages are shown one per repaint, unless that would make the picture late.
      if (mediaUs - timestampUs < CATCH_UP_LATE_US) break;
    }
    if (!moved) this.#paintFirst();
    return moved;
  }

  /** Whether there was a first one. */
  #presentFirst(queue: FrameQueue<VideoFrame>, nowUs: number): boolean {
    const firstUs = queue.firstUs ?? Number.NEGATIVE_INFINITY;
    const frame = queue.takeDue(firstUs, this.timed.nextUs);
    if (frame !== undefined) this.#present(frame, nowUs);
    return frame !== undefined;
  }

  #present(frame: VideoFrame, nowUs: number): void {
    this.#paint(frame);
    const { timestamp } = frame;
    frame.close();
    this.#onPresented(timestamp, nowUs);
  }

  #onPresented(timestampUs: number, presentedAtUs: number): void {
    const latencyUs = presentedAtUs + this.timing.offsetUs - timestampUs;
    const presented = { timestampUs, presentedAtUs, latencyUs };
    this.presented.add(presented);
    this.#deps.onPresented(presented);
    this.timed.onPresented(timestampUs, this.#deps.onTimed);
  }

  /** Before the clock reaches the first frame it is shown as a still: the viewer sees something at once. */
  #paintFirst(): void {
    if (this.#hasPainted) return;
    const first = this.#pictures?.peek();
    if (first !== undefined) this.#paint(first);
  }

  #paint(frame: VideoFrame): void {
    this.#hasPainted = true;
    this.#firstPaintUs ??= this.#deps.clock.nowUs();
    this.#width = frame.displayWidth;
    this.#height = frame.displayHeight;
    this.#deps.painter?.paint(frame);
    this.#deps.onPainted();
  }

  /** Audio alone, or a hidden page: the clock itself says what is presented, as long as there is sound for it. */
  #presentWithoutPicture(mediaUs: number): boolean {
    if (this.#pictures !== undefined && !this.#isHidden) return false;
    const newestUs = Math.max(
      this.#audio?.buffer.newestUs ?? Number.NEGATIVE_INFINITY,
      this.#video?.buffer.newestUs ?? Number.NEGATIVE_INFINITY,
      this.#decoded?.newestUs ?? Number.NEGATIVE_INFINITY,
    );
    if (newestUs < mediaUs) return false;
    this.timed.onPresented(mediaUs, this.#deps.onTimed);
    return true;
  }

  #watchProgress(moved: boolean, nowUs: number): void {
    if (moved) {
      this.#progressUs = nowUs;
      this.#isStarved = false;
      this.#deps.onPresenting();
      return;
    }
    const limitUs = this.isDecodedOutside && this.#isHidden ? HIDDEN_STALL_US : STALL_US;
    if (this.#progressUs === undefined || this.#isStarved || nowUs - this.#progressUs < limitUs) return;
    this.#isStarved = true;
    this.#stalls += 1;
    this.#deps.onStarved();
  }

  #openSound(nowUs: number): void {
    if (this.#soundWaitUs === undefined || this.#audio === undefined) return;
    if (!this.#hasPainted && nowUs - this.#soundWaitUs < SOUND_WAIT_US) return;
    this.#soundWaitUs = undefined;
    const { sampleRate, numberOfChannels } = this.#audio.config;
    this.sound.open(sampleRate, numberOfChannels);
  }

  #feedAudio(mediaUs: number): void {
    if (this.#audio === undefined) return;
    this.#audio.setOutput(this.sound.output);
    this.#audio.feed(mediaUs);
  }

  /** Lets the new rendition take over once it has a picture that follows the last one presented. */
  #takeOver(mediaUs: number): void {
    const next = this.#nextVideo;
    if (next === undefined) return;
    const last = this.presented.last;
    if (last !== undefined) next.queue.setFloor(last.timestampUs);
    next.feed(mediaUs);
    if (next.queue.length === 0) return;
    this.#retire(this.#video);
    this.#video = next;
    this.#nextVideo = undefined;
  }

  #dropVideo(): void {
    this.#retire(this.#video);
    this.#nextVideo?.close();
    this.#video = undefined;
    this.#nextVideo = undefined;
  }

  #dropDecoded(): void {
    if (this.#decoded === undefined) return;
    this.#earlierDrops += this.#decoded.queue.lateFrames;
    this.#decoded.queue.clear(true);
    this.#decoded = undefined;
  }

  /** Decoded pictures that wait for their time. */
  get #pictures(): FrameQueue<VideoFrame> | undefined {
    return (this.#decoded ?? this.#video)?.queue;
  }

  #retire(track: VideoTrack | undefined): void {
    if (track === undefined) return;
    this.#earlierDrops += track.droppedFrames;
    this.#earlierGaps += track.buffer.stats.gaps;
    track.close();
  }

  #buffer(kind: TrackKind, track: string, sequence: number): JitterBuffer | undefined {
    if (kind === "audio") return this.#audio?.name === track ? this.#audio.buffer : undefined;
    return this.#videoOf(track, sequence)?.buffer;
  }

  /**
   * Who decodes this group. A catalog may tell of another size of a track after the first keyframe of that size came:
   * the rest of the group goes where the keyframe went. With its parameter sets in it, as our nodes send them, the
   * decoder of before shows it as well; one that cannot skips to the next group, as the next track would have to.
   */
  #videoOf(track: string, sequence: number): VideoTrack | undefined {
    const current = this.#video?.name === track ? this.#video : undefined;
    if (this.#nextVideo?.name !== track || current?.buffer.hasBegun(sequence) === true) return current;
    return this.#nextVideo;
  }

  #mediaUs(): number {
    return this.timing.clock.mediaUs(this.#deps.clock.nowUs());
  }
}
