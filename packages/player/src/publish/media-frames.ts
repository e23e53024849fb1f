/** Not in TypeScript's DOM library: W3C mediacapture-transform. */
interface TrackProcessor<Frame> {
  readonly readable: ReadableStream<Frame>;
}

type TrackProcessorConstructor = new <Frame>(init: {
  readonly track: MediaStreamTrack;
  readonly maxBufferSize?: number;
}) => TrackProcessor<Frame>;

/** Delivers frames of a track until it is stopped. The receiver closes each frame. */
export interface FrameSource {
  stop(): void;
}

/** Pictures or sound of a track, by MediaStreamTrackProcessor; undefined where the browser lacks it. */
export function processTrack<Frame extends VideoFrame | AudioData>(
  track: MediaStreamTrack,
  onFrame: (frame: Frame) => void,
  onEnd: (error: unknown) => void,
): FrameSource | undefined {
  const Processor = (globalThis as { MediaStreamTrackProcessor?: TrackProcessorConstructor })
    .MediaStreamTrackProcessor;
  if (Processor === undefined) return undefined;
  // Two pictures at most wait for us; sound comes in blocks of 10 ms, of which a busy moment may hold some.
  const maxBufferSize = track.kind === "video" ? 2 : 32;
  const reader = new Processor<Frame>({ track, maxBufferSize }).readable.getReader();
  const pump = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onFrame(value);
    }
  };
  pump().then(
    () => onEnd(undefined),
    (error: unknown) => onEnd(error),
  );
  return { stop: () => void reader.cancel().catch(() => {}) };
}

/** Pictures by way of a video element, for browsers without MediaStreamTrackProcessor; pauses in hidden tabs. */
export function pictureLoop(track: MediaStreamTrack, onFrame: (frame: VideoFrame) => void): FrameSource {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  let stopped = false;
  const next = (now: number, metadata: VideoFrameCallbackMetadata): void => {
    if (stopped) return;
    const timestampMs = metadata.captureTime ?? now;
    onFrame(new VideoFrame(video, { timestamp: Math.round(timestampMs * 1000) }));
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
  void video.play().catch(() => {
    // Refused only without a user gesture in some browsers; the track then delivers nothing and stats show it.
  });
  return {
    stop: () => {
      stopped = true;
      video.srcObject = null;
    },
  };
}

const WORKLET_NAME = "canopy-capture";
/** Runs in the audio thread: hands over blocks of about 20 ms with the time of their first sample. */
const WORKLET_SOURCE = `registerProcessor("${WORKLET_NAME}", class extends AudioWorkletProcessor {
  constructor() { super(); this.block = undefined; this.filled = 0; this.start = 0; }
  process([input]) {
    if (!input || input.length === 0) return true;
    const size = input[0].length, channels = Math.min(2, input.length), length = 8 * size;
    if (this.block === undefined) {
      this.block = new Float32Array(length * channels); this.channels = channels; this.filled = 0;
      this.start = currentTime;
    }
    for (let c = 0; c < this.channels; c++) this.block.set(input[c] ?? input[0], c * length + this.filled);
    this.filled += size;
    if (this.filled === length) {
      const { block, channels: count, start } = this;
      this.block = undefined;
      this.port.postMessage({ block, channels: count, start, sampleRate }, [block.buffer]);
    }
    return true;
  }
});`;

interface WorkletBlock {
  readonly block: Float32Array<ArrayBuffer>;
  readonly channels: number;
  /** Seconds on the audio context's clock. */
  readonly start: number;
  readonly sampleRate: number;
}

/** Sound by way of an AudioWorklet, for browsers without MediaStreamTrackProcessor. */
export async function soundLoop(
  track: MediaStreamTrack,
  onFrame: (frame: AudioData) => void,
): Promise<FrameSource> {
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
  const module = URL.createObjectURL(new Blob([WORKLET_SOURCE], { type: "text/javascript" }));
  try {
    await context.audioWorklet.addModule(module);
  } finally {
    URL.revokeObjectURL(module);
  }
  const node = new AudioWorkletNode(context, WORKLET_NAME, { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }: MessageEvent<WorkletBlock>) => {
    onFrame(
      new AudioData({
        format: "f32-planar",
        sampleRate: data.sampleRate,
        numberOfChannels: data.channels,
        numberOfFrames: data.block.length / data.channels,
        timestamp: Math.round(data.start * 1e6),
        data: data.block,
      }),
    );
  };
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(node);
  return {
    stop: () => {
      source.disconnect();
      node.port.onmessage = null;
      void context.close();
    },
  };
}
