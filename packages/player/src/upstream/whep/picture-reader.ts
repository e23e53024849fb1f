/** W3C mediacapture-transform, in Chromium's form, which pages may use; not in TypeScript's DOM library. */
interface TrackProcessor {
  readonly readable: ReadableStream<VideoFrame>;
}

type TrackProcessorConstructor = new (init: {
  readonly track: MediaStreamTrack;
  readonly maxBufferSize: number;
}) => TrackProcessor;

/** What Chromium tells of a frame that came over WebRTC; not in TypeScript's DOM library. */
interface ReceivedMetadata {
  readonly rtpTimestamp?: number;
}

/** Pictures that wait while the page is busy, a second of them; of more the oldest is dropped by the browser. */
const MAX_BUFFERED = 30;

function trackProcessor(): TrackProcessorConstructor | undefined {
  const { MediaStreamTrackProcessor } = globalThis as {
    MediaStreamTrackProcessor?: TrackProcessorConstructor;
  };
  return MediaStreamTrackProcessor;
}

/** Whether this page can get at the decoded pictures of a track, and at what is known of each. */
export function canReadPictures(): boolean {
  return (
    trackProcessor() !== undefined &&
    typeof VideoFrame === "function" &&
    typeof (VideoFrame.prototype as { metadata?: unknown }).metadata === "function"
  );
}

/** RTP timestamp of a received picture; undefined if the browser does not tell it. */
export function rtpTimestampOf(frame: VideoFrame): number | undefined {
  return (frame as VideoFrame & { metadata(): ReceivedMetadata }).metadata().rtpTimestamp;
}

/** Hands over every decoded picture of a received track, in order. */
export class PictureReader {
  readonly #reader: ReadableStreamDefaultReader<VideoFrame>;
  #closed = false;

  /** `onPicture` closes the frame. */
  constructor(track: MediaStreamTrack, onPicture: (frame: VideoFrame) => void) {
    const Processor = trackProcessor();
    if (Processor === undefined) throw new TypeError("this browser does not hand over pictures");
    this.#reader = new Processor({ track, maxBufferSize: MAX_BUFFERED }).readable.getReader();
    void this.#read(onPicture);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The frames that it holds go with it.
    void this.#reader.cancel().catch(() => {});
  }

  async #read(onPicture: (frame: VideoFrame) => void): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) return;
        if (this.#closed) value.close();
        else onPicture(value);
      }
    } catch {
      // The track ended in an error: the session hears of that by itself.
    }
  }
}
