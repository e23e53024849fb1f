/** Samples that are looked at each time: 43 ms at 48 kHz. */
const WINDOW_SAMPLES = 2048;

/** Below this a meter shows nothing: the noise of a quiet room. */
const FLOOR_DB = -60;

/** How loud a stream is, for a meter beside its preview. Reads only; the stream is heard nowhere. */
export class LevelMeter {
  readonly #context: AudioContext;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #analyser: AnalyserNode;
  readonly #samples = new Float32Array(WINDOW_SAMPLES);
  #closed = false;

  /** The stream needs an audio track. */
  constructor(stream: MediaStream) {
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: WINDOW_SAMPLES });
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    // Opened by the visitor's click; if the browser wants another one the meter stays at zero until then.
    void this.#context.resume();
  }

  /** Loudest sample of the last moment on a logarithmic scale: 0 = silence, 1 = full scale. */
  read(): number {
    if (this.#closed) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let peak = 0;
    for (const sample of this.#samples) peak = Math.max(peak, Math.abs(sample));
    return meterLevel(peak);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.disconnect();
    void this.#context.close();
  }
}

/** Place of a peak (0 to 1) on a scale of decibels. */
export function meterLevel(peak: number): number {
  if (peak <= 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(peak)) / FLOOR_DB));
}
