import {
  type BroadcastFollower,
  FollowedBroadcast,
  type FollowedBroadcastDeps,
} from "../follow/followed-broadcast.ts";
import { type AudioSample, AudioSampleMaker } from "../packaging/audio-samples.ts";
import {
  type PackagedAudio,
  type PackagedMedia,
  type PackagedVideo,
  packagedMedia,
  sameAudio,
} from "../packaging/packaged-media.ts";
import { TrackSource } from "../packaging/track-source.ts";
import { VideoSampleMaker } from "../packaging/video-samples.ts";
import { FlvTags } from "./flv-tags.ts";
import type { FlvViewer } from "./flv-viewer.ts";

/** A group that is larger is not kept for those who come: they begin with the next one. */
const MAX_GROUP_BYTES = 16 * 1024 * 1024;

interface Lane<T> {
  readonly description: T;
  readonly source: TrackSource;
}

/** One broadcast as FLV: tags made once for all readers, and the newest group for those who come. */
export class FlvStream implements BroadcastFollower<PackagedMedia> {
  readonly followed: FollowedBroadcast<PackagedMedia>;
  readonly viewers = new Set<FlvViewer>();
  idleSinceMs: number;
  readonly #tags = new FlvTags();
  readonly #nowMs: () => number;
  #video: (Lane<PackagedVideo> & { readonly maker: VideoSampleMaker }) | undefined;
  #audio: (Lane<PackagedAudio> & { readonly maker: AudioSampleMaker }) | undefined;
  /** Tags since the newest keyframe. */
  #group: Uint8Array[] = [];
  #groupBytes = 0;
  #groupTimeMs = 0;
  /** There was a keyframe, or sound alone. */
  #hasBegun = false;
  /** Of this turn of the event loop, so that each reader has one write for all of them. */
  #pending: Uint8Array[] = [];
  #pendingIsJoint = false;
  #isFlushing = false;
  #isClosed = false;

  constructor(path: string, deps: FollowedBroadcastDeps) {
    this.#nowMs = deps.nowMs;
    this.idleSinceMs = deps.nowMs();
    this.followed = new FollowedBroadcast({ path, describe: packagedMedia }, this, deps);
  }

  add(viewer: FlvViewer): void {
    // What waits in this turn is in the group already: it must not come twice.
    this.#flush();
    this.viewers.add(viewer);
    this.#follow();
    if (this.#group.length > 0) this.#begin(viewer, this.#group);
  }

  remove(viewer: FlvViewer): void {
    this.viewers.delete(viewer);
    if (this.viewers.size === 0) this.idleSinceMs = this.#nowMs();
  }

  /** Called once a second. */
  tick(nowMs: number): void {
    this.followed.tick();
    this.#video?.source.bind();
    this.#audio?.source.bind();
    for (const viewer of this.viewers) viewer.tick(nowMs);
  }

  /** The broadcast does not come back. */
  finish(): void {
    for (const viewer of [...this.viewers]) viewer.finish();
  }

  close(): void {
    this.#isClosed = true;
    this.#video?.source.close();
    this.#audio?.source.close();
    for (const viewer of [...this.viewers]) viewer.close();
    this.followed.close();
  }

  // ------------------------------------------------------------ the publisher's side

  onMedia(_media: PackagedMedia): void {
    if (this.viewers.size > 0) this.#follow();
  }

  onActive(): void {
    this.#video?.source.bind();
    this.#audio?.source.bind();
  }

  onGone(): void {
    this.#video?.source.close();
    this.#audio?.source.close();
  }

  /** Reads the best rendition of each kind. */
  #follow(): void {
    const { media } = this.followed;
    if (media === undefined) return;
    const [video] = media.video;
    if (video?.name !== this.#video?.description.name) this.#followVideo(video, media);
    const known = this.#audio?.description;
    const { audio } = media;
    if (audio === undefined || known === undefined || !sameAudio(audio, known)) this.#followAudio(audio);
  }

  #followVideo(video: PackagedVideo | undefined, media: PackagedMedia): void {
    this.#video?.source.close();
    this.#video = undefined;
    if (video === undefined) return;
    const { framerate, jitter: jitterMs } = video.rendition;
    const maker = new VideoSampleMaker({ bFrames: media.bFrames, framerate, jitterMs });
    const consumer = {
      onFrame: (timestampUs: number, payload: Uint8Array): void => {
        const sample = maker.make(timestampUs, payload);
        if (sample === undefined) return;
        const tag = this.#tags.video(sample);
        if (sample.isKeyframe) this.#startGroup(this.#tags.timeMs(sample.decodeUs));
        if (sample.isNewConfig && maker.config !== undefined)
          this.#push(this.#tags.videoConfig(maker.config, this.#groupTimeMs));
        this.#push(tag);
      },
    };
    const source = new TrackSource("video", video.name, { broadcast: this.followed, consumer });
    this.#video = { description: video, source, maker };
  }

  #followAudio(audio: PackagedAudio | undefined): void {
    this.#audio?.source.close();
    const isFirst = this.#audio === undefined;
    this.#audio = undefined;
    if (audio === undefined) return;
    const maker = new AudioSampleMaker(audio);
    let needsConfig = !isFirst;
    const consumer = {
      onFrame: (timestampUs: number, payload: Uint8Array): void => {
        const sample = maker.make(timestampUs, payload);
        if (sample === undefined) return;
        this.#pushSound(sample, audio, needsConfig);
        needsConfig = false;
      },
    };
    const source = new TrackSource("audio", audio.name, { broadcast: this.followed, consumer });
    this.#audio = { description: audio, source, maker };
  }

  #pushSound(sample: AudioSample, audio: PackagedAudio, needsConfig: boolean): void {
    const isAlone = this.#video === undefined;
    // Before the first keyframe there is nobody who could begin.
    if (!isAlone && !this.#hasBegun) return;
    const tag = this.#tags.audio(sample, audio);
    if (isAlone) this.#startGroup(this.#tags.timeMs(sample.timestampUs));
    if (needsConfig) this.#push(this.#tags.audioConfig(audio, this.#groupTimeMs));
    this.#push(tag);
  }

  #startGroup(timeMs: number): void {
    // A keyframe is the first of its write, so that a reader who is behind can go on with it.
    this.#flush();
    this.#hasBegun = true;
    this.#group = [];
    this.#groupBytes = 0;
    this.#groupTimeMs = timeMs;
    this.#pendingIsJoint = true;
  }

  #push(tag: Uint8Array): void {
    this.#pending.push(tag);
    if (this.#groupBytes <= MAX_GROUP_BYTES) {
      this.#group.push(tag);
      this.#groupBytes += tag.byteLength;
      if (this.#groupBytes > MAX_GROUP_BYTES) this.#group = [];
    }
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (!this.#isClosed) this.#flush();
    });
  }

  #flush(): void {
    const pending = this.#pending;
    const [first] = pending;
    if (first === undefined) return;
    const isJoint = this.#pendingIsJoint;
    this.#pending = [];
    this.#pendingIsJoint = false;
    const chunk = pending.length === 1 ? first : Buffer.concat(pending);
    for (const viewer of this.viewers) {
      if (!viewer.isNew) viewer.send(chunk, isJoint);
      else if (isJoint) this.#begin(viewer, [chunk]);
    }
  }

  #begin(viewer: FlvViewer, chunks: readonly Uint8Array[]): void {
    const format = {
      video: this.#video?.maker.config,
      audio: this.#audio?.description,
      framerate: this.#video?.description.rendition.framerate,
    };
    viewer.begin([...this.#tags.beginning(format, this.#groupTimeMs), ...chunks]);
  }
}
