import { MediaError } from "@canopy/media";
import { type AudioRendition, type Catalog, decodeHex, type VideoRendition } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import type { WireFrame } from "@canopy/protocol";
import { type Broadcast, RelayError, type Track, type TrackReading } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import { H264Shaper } from "../../ingest/h264-shaper.ts";
import { CatalogReader } from "./catalog-reader.ts";
import { PublisherTimeline } from "./publisher-timeline.ts";

export interface MoqIngestDeps {
  readonly ingest: BroadcastIngest;
  /** The broadcast as the publisher sends it, in a store of its own. */
  readonly source: Broadcast;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the publisher's session: what it sends cannot be used. */
  refuse(reason: string): void;
}

interface Followed {
  readonly reading: TrackReading;
  /** The publisher's description, to see whether it changed. */
  readonly described: string;
}

const CATALOG_TRACK = "catalog.json";
/** Names that the origin gives itself. */
const OWN_TRACKS: ReadonlySet<string> = new Set([CATALOG_TRACK, "timed"]);
/** Bad frames of a track in a row that are passed over before the publisher is told off. */
const MAX_BAD_FRAMES = 30;

/** Turns what a MoQ publisher announces into a broadcast in Canopy's form. */
export class MoqIngest {
  readonly #deps: MoqIngestDeps;
  readonly #catalog = new CatalogReader();
  readonly #timeline: PublisherTimeline;
  readonly #followed = new Map<string, Followed>();
  #catalogReading: TrackReading | undefined;
  #closed = false;

  constructor(deps: MoqIngestDeps) {
    this.#deps = deps;
    this.#timeline = new PublisherTimeline(deps.ingest.clock);
  }

  /** Subscribes to the publisher's catalog, and to what it names when it arrives. */
  start(): void {
    let first = true;
    this.#catalogReading = this.#request(CATALOG_TRACK)?.subscribe(
      {
        onGroup: () => {
          first = true;
        },
        onFrame: (frame) => {
          this.#onCatalog(frame, first);
          first = false;
        },
        onClosed: () => {},
      },
      { priority: 100 },
    );
  }

  /** Idempotent. The broadcast itself is released by whoever opened it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#catalogReading?.close();
    for (const { reading } of this.#followed.values()) reading.close();
    this.#followed.clear();
  }

  // ------------------------------------------------------------------ catalog

  #onCatalog(frame: WireFrame, first: boolean): void {
    if (this.#closed) return;
    try {
      const catalog = this.#catalog.read(frame.wire.subarray(frame.payloadOffset), first);
      this.#reconcile(catalog);
    } catch (error) {
      if (!(error instanceof MediaError || error instanceof RelayError)) throw error;
      this.#deps.refuse(`The catalog is not valid: ${error.message}.`);
    }
  }

  #reconcile(catalog: Catalog): void {
    const { ingest } = this.#deps;
    const videos = understood(catalog.video?.renditions ?? {});
    const audios = understood(catalog.audio?.renditions ?? {});
    for (const name of [...this.#followed.keys()]) {
      if (videos.has(name) || audios.has(name)) continue;
      this.#unfollow(name);
    }
    ingest.describeExtras(catalog);
    for (const [name, rendition] of videos) this.#followVideo(name, rendition);
    for (const [name, rendition] of audios) this.#followAudio(name, rendition);
    ingest.announce();
  }

  #unfollow(name: string): void {
    this.#followed.get(name)?.reading.close();
    this.#followed.delete(name);
    this.#deps.ingest.withdraw(name);
  }

  /** True if the track is followed already with the same description. */
  #isCurrent(name: string, described: string): boolean {
    const followed = this.#followed.get(name);
    if (followed?.described === described) return true;
    followed?.reading.close();
    this.#followed.delete(name);
    return false;
  }

  #followVideo(name: string, rendition: VideoRendition): void {
    const described = JSON.stringify(rendition);
    if (this.#isCurrent(name, described)) return;
    const { ingest } = this.#deps;
    const lane = ingest.video(name);
    const isH264 = /^avc[13]\./.test(rendition.codec);
    if (!isH264) {
      ingest.describeVideo(name, rendition);
      this.#follow(name, described, 60, (timestampUs, payload, first) => {
        lane.writeOpaque(timestampUs, payload, first);
      });
      return;
    }
    const shaper = new H264Shaper();
    const { description, ...annexB } = rendition;
    const lengthPrefixed = description !== undefined && description !== "";
    if (lengthPrefixed) shaper.configure(decodeHex(description));
    ingest.describeVideo(name, { ...annexB, codec: rendition.codec.replace(/^avc3/, "avc1") });
    this.#follow(name, described, 60, (timestampUs, payload, first) => {
      const unit = lengthPrefixed ? shaper.shapeLengthPrefixed(payload) : shaper.shapeAnnexB(payload);
      if (unit === undefined) return;
      if (shaper.bFrames) ingest.bFrames = true;
      lane.writeH264(timestampUs, unit.annexB, first || unit.keyframe);
    });
  }

  #followAudio(name: string, rendition: AudioRendition): void {
    const described = JSON.stringify(rendition);
    if (this.#isCurrent(name, described)) return;
    const { ingest } = this.#deps;
    const lane = ingest.audio(name);
    ingest.describeAudio(name, rendition);
    this.#follow(name, described, 80, (timestampUs, payload) => lane.write(timestampUs, payload));
  }

  // ------------------------------------------------------------------ frames

  #follow(
    name: string,
    described: string,
    priority: number,
    write: (timestampUs: number, payload: Uint8Array, firstOfGroup: boolean) => void,
  ): void {
    const { ingest, clock } = this.#deps;
    let first = true;
    let bad = 0;
    const reading = this.#request(name)?.subscribe(
      {
        onGroup: () => {
          first = true;
        },
        onFrame: (frame) => {
          if (this.#closed) return;
          try {
            const { timestampUs, payload } = decodeLegacyFrame(frame.wire.subarray(frame.payloadOffset));
            if (payload.length === 0) return;
            const mediaUs = this.#timeline.map(name, timestampUs, clock.nowUs());
            ingest.announce();
            write(mediaUs, payload, first);
            first = false;
            bad = 0;
          } catch (error) {
            if (!(error instanceof MediaError || error instanceof RelayError)) throw error;
            bad++;
            if (bad > MAX_BAD_FRAMES) this.#deps.refuse(`The track ${name} is not valid: ${error.message}.`);
          }
        },
        onClosed: () => {
          this.#followed.delete(name);
        },
      },
      { priority },
    );
    if (reading !== undefined) this.#followed.set(name, { reading, described });
  }

  #request(name: string): Track | undefined {
    try {
      return this.#deps.source.request(name);
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.#deps.logger.debug({ code: error.code, track: name }, "publisher's track refused");
      return undefined;
    }
  }
}

/** Renditions in the legacy container, under names that are not the origin's own; the others pass through. */
function understood<R extends VideoRendition | AudioRendition>(
  renditions: Readonly<Record<string, R>>,
): Map<string, R> {
  return new Map(
    Object.entries(renditions).filter(
      ([name, { container, broadcast }]) =>
        (container === undefined || container.kind === "legacy") &&
        broadcast === undefined &&
        !OWN_TRACKS.has(name),
    ),
  );
}
