import type { Catalog } from "@canopy/media/catalog";
import { PlayerError } from "../player-error.ts";
import { audioDecoderConfig } from "../present/audio-track.ts";
import type { Playback } from "../present/playback.ts";
import { videoDecoderConfig } from "../present/video-track.ts";
import type { TrackSelection } from "../upstream/upstream.ts";
import { type ChosenRenditions, chooseRenditions, videoRenditionNames } from "./choose-renditions.ts";
import { decodableCodecs } from "./decoder-support.ts";
import { decodingKey } from "./decoding-key.ts";

export interface TrackChoiceDeps {
  readonly playback: Pick<Playback, "setVideo" | "setAudio">;
  /** Tracks to subscribe to have been chosen, perhaps the same as before. */
  readonly onChosen: (selection: TrackSelection) => void;
  readonly onFailed: (error: PlayerError) => void;
}

/** Chooses from each catalog what this browser decodes and the viewer wishes, and gets the decoders ready for it. */
export class TrackChoice {
  readonly #deps: TrackChoiceDeps;
  #catalog: Catalog | undefined;
  #catalogVersion = 0;
  #codecs: ReadonlySet<string> = new Set();
  #chosen: ChosenRenditions | undefined;
  #videoKey = "";
  #audioKey = "";
  #wish: string | undefined;
  #closed = false;

  constructor(options: { readonly wish: string | undefined }, deps: TrackChoiceDeps) {
    this.#wish = options.wish;
    this.#deps = deps;
  }

  get chosen(): ChosenRenditions | undefined {
    return this.#chosen;
  }

  /** Names of the video renditions that can be decoded, largest first. */
  get renditions(): string[] {
    return this.#catalog === undefined
      ? []
      : videoRenditionNames(this.#catalog, (codec) => this.#codecs.has(codec));
  }

  /** The first and every changed catalog. */
  async onCatalog(catalog: Catalog): Promise<void> {
    this.#catalogVersion += 1;
    const version = this.#catalogVersion;
    const codecs = await decodableCodecs(catalog);
    if (version !== this.#catalogVersion || this.#closed) return;
    this.#catalog = catalog;
    this.#codecs = codecs;
    this.#apply(catalog);
  }

  /** Name of a video rendition; undefined: the best one. */
  setWish(name: string | undefined): void {
    this.#wish = name;
    if (this.#catalog !== undefined && !this.#closed) this.#apply(this.#catalog);
  }

  /** Decoders were dropped meanwhile: the next catalog makes them anew. */
  forget(): void {
    this.#videoKey = "";
    this.#audioKey = "";
    this.#chosen = undefined;
    this.#catalog = undefined;
  }

  close(): void {
    this.#closed = true;
  }

  #apply(catalog: Catalog): void {
    const { playback, onChosen, onFailed } = this.#deps;
    const chosen = chooseRenditions(catalog, this.#wish, (codec) => this.#codecs.has(codec));
    if (chosen.video === undefined && chosen.audio === undefined) {
      // An empty catalog is one that its publisher has not filled yet.
      if (Object.keys({ ...catalog.video?.renditions, ...catalog.audio?.renditions }).length === 0) return;
      onFailed(new PlayerError("codec", "this browser can decode none of the broadcast's renditions"));
      return;
    }
    this.#chosen = chosen;
    const { video, audio } = chosen;
    const bFrames = catalog.canopy?.bFrames === true;
    const videoConfig = video && videoDecoderConfig(video.rendition, bFrames);
    const videoKey = decodingKey(video?.name, videoConfig);
    if (videoKey !== this.#videoKey) {
      this.#videoKey = videoKey;
      playback.setVideo(video?.name, videoConfig);
    }
    const audioConfig = audio && audioDecoderConfig(audio.rendition);
    const audioKey = decodingKey(audio?.name, audioConfig);
    if (audioKey !== this.#audioKey) {
      this.#audioKey = audioKey;
      playback.setAudio(audio?.name, audioConfig);
    }
    onChosen({ video: video?.name, audio: audio?.name });
  }
}
