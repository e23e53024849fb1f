import { PlayerError } from "../player-error.ts";
import type { AudioRingReport } from "./audio-ring.ts";
import { AUDIO_PROCESSOR, type AudioWorkletRequest, audioWorkletSource } from "./audio-worklet-source.ts";

/** Volume changes take this long, so that they don't click, s. */
const GAIN_RAMP_S = 0.02;

/** The relation between the two clocks is measured with noise; each measurement moves it by this share. */
const CLOCK_SMOOTHING = 0.1;

/** A larger step is a real one: the context was suspended. */
const CLOCK_STEP_S = 0.05;

export interface AudioOutputOptions {
  readonly sampleRate: number;
  readonly channels: number;
}

export interface AudioOutputDeps {
  /** The context started or was suspended. */
  readonly onRunningChange: (running: boolean) => void;
}

/** The sound card: an AudioContext with the ring in a worklet. */
export class AudioOutput {
  readonly sampleRate: number;
  readonly channels: number;
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  #node: AudioWorkletNode | undefined;
  #report: AudioRingReport | undefined;
  #isSilent = false;
  /** Underruns that nobody could hear. */
  #silentUnderruns = 0;
  #contextMinusLocalS: number | undefined;
  #closed = false;

  private constructor(context: AudioContext, options: AudioOutputOptions, deps: AudioOutputDeps) {
    this.sampleRate = options.sampleRate;
    this.channels = options.channels;
    this.#context = context;
    this.#gain = context.createGain();
    this.#gain.connect(context.destination);
    context.addEventListener("statechange", () => {
      this.#contextMinusLocalS = undefined;
      if (!this.#closed) deps.onRunningChange(this.isRunning);
    });
  }

  /** Throws `PlayerError` "unsupported". */
  static async open(options: AudioOutputOptions, deps: AudioOutputDeps): Promise<AudioOutput> {
    if (typeof AudioContext !== "function" || typeof AudioWorkletNode !== "function") {
      throw new PlayerError("unsupported", "this browser has no AudioWorklet, or the page is not secure");
    }
    const context = new AudioContext({ sampleRate: options.sampleRate, latencyHint: "interactive" });
    const output = new AudioOutput(context, options, deps);
    const url = URL.createObjectURL(new Blob([audioWorkletSource()], { type: "text/javascript" }));
    try {
      await context.audioWorklet.addModule(url);
    } catch (cause) {
      output.close();
      throw new PlayerError("unsupported", "the audio worklet cannot be loaded", cause);
    } finally {
      URL.revokeObjectURL(url);
    }
    if (!output.#closed) output.#connect();
    return output;
  }

  /** False while the browser wants a gesture of the viewer first. */
  get isRunning(): boolean {
    return this.#context.state === "running";
  }

  /** How long a sample takes from the worklet to the ear, µs. */
  get deviceUs(): number {
    return (this.#context.outputLatency || this.#context.baseLatency || 0) * 1e6;
  }

  get report(): AudioRingReport | undefined {
    return this.#report;
  }

  /** Asks the browser to let sound out; without a gesture it may never answer. */
  resume(): void {
    if (!this.#closed && !this.isRunning) void this.#context.resume().catch(() => {});
  }

  /** 0 (silent) to 1. */
  setVolume(volume: number): void {
    if (this.#closed) return;
    this.#isSilent = volume === 0;
    this.#gain.gain.setTargetAtTime(volume, this.#context.currentTime, GAIN_RAMP_S);
  }

  /** Hands over planar samples; their buffers are moved away. */
  write(timestampUs: number, channels: readonly Float32Array<ArrayBuffer>[]): void {
    this.#post(
      { kind: "samples", timestampUs, channels },
      channels.map((samples) => samples.buffer),
    );
  }

  /** `mediaUs` is to be heard now, going on from there at `rate`. */
  setLine(mediaUs: number, rate: number): void {
    const contextTime = this.#contextTimeAt(performance.now());
    this.#post({ kind: "line", line: { contextTime, mediaUs, rate } });
  }

  clear(): void {
    this.#post({ kind: "clear" });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#node?.disconnect();
    this.#gain.disconnect();
    // Nobody waits for the device to be released.
    void this.#context.close().catch(() => {});
  }

  #connect(): void {
    const node = new AudioWorkletNode(this.#context, AUDIO_PROCESSOR, {
      numberOfInputs: 0,
      numberOfOutputs: 1,
      outputChannelCount: [this.channels],
    });
    node.port.onmessage = (event: MessageEvent<AudioRingReport>) => {
      this.#onReport(event.data);
    };
    node.connect(this.#gain);
    this.#node = node;
  }

  #onReport(report: AudioRingReport): void {
    const known = this.#report?.underruns ?? 0;
    const heard = report.underruns - this.#silentUnderruns;
    if (this.#isSilent) this.#silentUnderruns += heard - known;
    this.#report = { ...report, underruns: this.#isSilent ? known : heard };
  }

  #post(request: AudioWorkletRequest, transfer: ArrayBuffer[] = []): void {
    if (!this.#closed) this.#node?.port.postMessage(request, transfer);
  }

  /** Context time of the sample that is heard at `localMs`. */
  #contextTimeAt(localMs: number): number {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    let measuredS: number;
    if (contextTime !== undefined && contextTime > 0 && performanceTime !== undefined) {
      measuredS = contextTime - performanceTime / 1000;
    } else {
      const latencyS = this.#context.outputLatency || this.#context.baseLatency;
      measuredS = this.#context.currentTime - latencyS - performance.now() / 1000;
    }
    const old = this.#contextMinusLocalS;
    this.#contextMinusLocalS =
      old === undefined || Math.abs(measuredS - old) > CLOCK_STEP_S
        ? measuredS
        : old + (measuredS - old) * CLOCK_SMOOTHING;
    return this.#contextMinusLocalS + localMs / 1000;
  }
}
