import { PlayerError } from "../player-error.ts";
import { AudioOutput } from "./audio-output.ts";

export interface SoundDeps {
  /** Sound was let out, or held back. */
  readonly onChange: () => void;
  readonly onError: (error: PlayerError) => void;
}

/** The viewer's wishes about sound, and the output that fulfils them once the browser allows it. */
export class Sound {
  readonly #deps: SoundDeps;
  #isMuted: boolean;
  #volume: number;
  #output: AudioOutput | undefined;
  #opening: string | undefined;
  #closed = false;

  constructor(options: { readonly isMuted: boolean; readonly volume: number }, deps: SoundDeps) {
    this.#isMuted = options.isMuted;
    this.#volume = options.volume;
    this.#deps = deps;
  }

  get output(): AudioOutput | undefined {
    return this.#output;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  get volume(): number {
    return this.#volume;
  }

  get isAudible(): boolean {
    return this.#output?.isRunning === true && !this.#isMuted && this.#volume > 0;
  }

  /** There is audio, it is not muted, and yet the browser waits for a gesture of the viewer. */
  get isBlocked(): boolean {
    return this.#output !== undefined && !this.#isMuted && !this.#output.isRunning;
  }

  /** Makes an output for this format; does nothing if there is one. */
  open(sampleRate: number, channels: number): void {
    const wanted = Math.min(2, Math.max(1, channels));
    const key = `${sampleRate}/${wanted}`;
    if (this.#closed || this.#opening === key) return;
    this.#opening = key;
    this.#output?.close();
    this.#output = undefined;
    AudioOutput.open({ sampleRate, channels: wanted }, { onRunningChange: () => this.#deps.onChange() }).then(
      (output) => {
        if (this.#closed || this.#opening !== key) {
          output.close();
          return;
        }
        this.#output = output;
        this.#apply();
        this.#deps.onChange();
      },
      (cause: unknown) => {
        if (this.#closed) return;
        this.#deps.onError(PlayerError.of(cause, "unsupported", "no audio output"));
      },
    );
  }

  setMuted(muted: boolean): void {
    this.#isMuted = muted;
    this.#apply();
  }

  /** 0 to 1. */
  setVolume(volume: number): void {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#apply();
  }

  /** Call it in a gesture of the viewer. */
  allow(): void {
    this.#output?.resume();
  }

  close(): void {
    this.#closed = true;
    this.#output?.close();
    this.#output = undefined;
  }

  #apply(): void {
    this.#output?.setVolume(this.#isMuted ? 0 : this.#volume);
    if (!this.#isMuted) this.#output?.resume();
  }
}
