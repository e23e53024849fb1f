import { Broadcast, type Connection, Path, Time, type Track, Varint } from "@moq/net";
import {
  CLOCK_CODE_COLUMNS,
  CLOCK_CODE_ROW_HEIGHT,
  encodeClockCode,
} from "../../../packages/cli/src/broadcast/clock-code.ts";

export interface NetPublisherOptions {
  readonly path: string;
  /** Form of the H.264 frames: with parameter sets inside, or with a `description` in the catalog. */
  readonly format: "annexb" | "avc";
  /** Time of the frames: wall-clock, or since the page was opened. */
  readonly time: "wall" | "page";
}

const SIZE = { width: 480, height: 288 };
const FRAMERATE = 30;
const SAMPLE_RATE = 48_000;
const TONE_HZ = 440;
const KEYFRAME_INTERVAL = 30;

/** A publisher made of @moq/net and the browser's encoders: picture with a clock strip, tone, hang's catalog. */
export class NetPublisher {
  readonly #producer = new Broadcast.Producer();
  readonly #video: Track.Producer;
  readonly #audio: Track.Producer;
  readonly #catalog: Track.Producer;
  readonly #options: NetPublisherOptions;
  readonly #canvas = new OffscreenCanvas(SIZE.width, SIZE.height);
  readonly #videoEncoder: VideoEncoder;
  readonly #audioEncoder: AudioEncoder;
  readonly #timer: number;
  #group: ReturnType<Track.Producer["appendGroup"]> | undefined;
  #frame = 0;
  #samples = 0;
  readonly #startMs = performance.now();

  constructor(connection: Connection.Established, options: NetPublisherOptions) {
    this.#options = options;
    const info = { timescale: Time.Timescale.MICRO };
    this.#catalog = this.#producer.createTrack("catalog.json", info);
    this.#video = this.#producer.createTrack("picture", info);
    this.#audio = this.#producer.createTrack("tone", info);
    this.#videoEncoder = new VideoEncoder({
      output: (chunk, metadata) => this.#onPicture(chunk, metadata),
      error: (error) => console.error(error),
    });
    this.#videoEncoder.configure({
      codec: "avc1.42001f",
      ...SIZE,
      framerate: FRAMERATE,
      bitrate: 800_000,
      latencyMode: "realtime",
      avc: { format: options.format },
    });
    this.#audioEncoder = new AudioEncoder({
      output: (chunk) => this.#audio.writeFrame(legacyFrame(chunk)),
      error: (error) => console.error(error),
    });
    this.#audioEncoder.configure({
      codec: "opus",
      sampleRate: SAMPLE_RATE,
      numberOfChannels: 1,
      bitrate: 48_000,
    });
    connection.publish(Path.from(options.path), this.#producer);
    this.#timer = window.setInterval(() => this.#capture(), 1000 / FRAMERATE);
  }

  /** Ends the broadcast in good order. */
  close(): void {
    window.clearInterval(this.#timer);
    this.#producer.close();
    this.#videoEncoder.close();
    this.#audioEncoder.close();
  }

  #toUs(elapsedMs: number): number {
    const originMs = this.#options.time === "wall" ? performance.timeOrigin : 0;
    return Math.round((originMs + this.#startMs + elapsedMs) * 1000);
  }

  #capture(): void {
    const elapsedMs = performance.now() - this.#startMs;
    this.#paint(performance.timeOrigin + performance.now());
    const picture = new VideoFrame(this.#canvas, { timestamp: this.#toUs(elapsedMs) });
    this.#videoEncoder.encode(picture, { keyFrame: this.#frame % KEYFRAME_INTERVAL === 0 });
    picture.close();
    this.#frame++;
    this.#encodeTone(Math.floor((elapsedMs * SAMPLE_RATE) / 1000));
  }

  #paint(unixMs: number): void {
    const context = this.#canvas.getContext("2d");
    if (context === null) return;
    context.fillStyle = `hsl(${this.#frame % 360} 60% 40%)`;
    context.fillRect(0, 0, SIZE.width, SIZE.height);
    const code = encodeClockCode({ unixMs, frame: this.#frame });
    const cell = { width: SIZE.width / CLOCK_CODE_COLUMNS, height: SIZE.height * CLOCK_CODE_ROW_HEIGHT };
    code.forEach((byte, at) => {
      for (let bit = 0; bit < 8; bit++) {
        const index = at * 8 + bit;
        const row = Math.floor(index / CLOCK_CODE_COLUMNS);
        context.fillStyle = (byte & (0x80 >> bit)) === 0 ? "black" : "white";
        context.fillRect(
          (index % CLOCK_CODE_COLUMNS) * cell.width,
          row * cell.height,
          cell.width,
          cell.height,
        );
      }
    });
  }

  #encodeTone(untilSample: number): void {
    const count = untilSample - this.#samples;
    if (count <= 0) return;
    const data = Float32Array.from(
      { length: count },
      (_, index) => 0.5 * Math.sin((2 * Math.PI * TONE_HZ * (this.#samples + index)) / SAMPLE_RATE),
    );
    const sound = new AudioData({
      format: "f32-planar",
      sampleRate: SAMPLE_RATE,
      numberOfFrames: count,
      numberOfChannels: 1,
      timestamp: this.#toUs((this.#samples * 1000) / SAMPLE_RATE),
      data,
    });
    this.#audioEncoder.encode(sound);
    sound.close();
    this.#samples = untilSample;
  }

  #onPicture(chunk: EncodedVideoChunk, metadata: EncodedVideoChunkMetadata | undefined): void {
    const config = metadata?.decoderConfig;
    if (config !== undefined && this.#group === undefined) this.#describe(config);
    if (chunk.type === "key") {
      this.#group?.close();
      this.#group = this.#video.appendGroup();
    }
    this.#group?.writeFrame(legacyFrame(chunk));
  }

  #describe(config: VideoDecoderConfig): void {
    const { description } = config;
    const bytes = description instanceof ArrayBuffer ? new Uint8Array(description) : new Uint8Array();
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const picture = {
      codec: config.codec,
      codedWidth: SIZE.width,
      codedHeight: SIZE.height,
      container: { kind: "legacy" },
    };
    this.#catalog.writeJson({
      video: { renditions: { picture: hex === "" ? picture : { ...picture, description: hex } } },
      audio: { renditions: { tone: { codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: 1 } } },
    });
  }
}

/** hang's legacy container: the timestamp as a varint, then what the encoder made. */
function legacyFrame(chunk: EncodedVideoChunk | EncodedAudioChunk): {
  payload: Uint8Array;
  timestamp: Time.Timestamp;
} {
  const header = Varint.encode(chunk.timestamp);
  const payload = new Uint8Array(header.byteLength + chunk.byteLength);
  payload.set(header);
  chunk.copyTo(payload.subarray(header.byteLength));
  return { payload, timestamp: Time.Timestamp.fromMicros(chunk.timestamp) };
}
