import { AudioTrack } from "../../../packages/player/src/present/audio-track.ts";
import type { ClipFrame, ClipFrames } from "./clip-frames.ts";
import { withOpus } from "./encode-opus.ts";

/** What the decoder may be late with. */
const PATIENCE_MS = 10_000;

/** Runs in the page: frames of a clip in, through the browser's decoder, what goes to the sound card out. */
class AudioTrackPage {
  /**
   * Decodes the frames of these indexes; returns their times and those at which their sound was placed, µs. In
   * Opus the sound is that of the browser's own encoder, otherwise the clip's AAC.
   */
  async place(
    clip: ClipFrames,
    codec: "aac" | "opus",
    indexes: readonly number[],
  ): Promise<{ readonly sent: number[]; readonly placed: number[] }> {
    const { audio, audioCodec, audioDescription } = codec === "opus" ? await withOpus(clip) : clip;
    const placed: number[] = [];
    const track = new AudioTrack(
      {
        name: "audio",
        config: {
          codec: audioCodec,
          sampleRate: 48_000,
          numberOfChannels: 2,
          ...(audioDescription === "" ? {} : { description: decodeHex(audioDescription) }),
        },
      },
      {
        onError: (error) => {
          throw error;
        },
      },
    );
    track.setOutput({
      isRunning: true,
      channels: 2,
      write: (timestampUs: number) => placed.push(timestampUs),
    } as never);
    const frames = indexes.map((index) => audio[index]).filter((frame) => frame !== undefined);
    track.buffer.openGroup(0);
    for (const frame of frames) await this.#decode(track, frame);
    const deadline = performance.now() + PATIENCE_MS;
    while (placed.length < frames.length && performance.now() < deadline) await pause();
    track.close();
    return { sent: frames.map(({ timestampUs }) => timestampUs), placed };
  }

  async #decode(track: AudioTrack, frame: ClipFrame): Promise<void> {
    const payload = Uint8Array.from(atob(frame.data), (char) => char.charCodeAt(0));
    track.buffer.push(0, { timestampUs: frame.timestampUs, payload, isKey: true });
    while (track.buffer.frameCount > 0) {
      track.feed(frame.timestampUs);
      if (track.buffer.frameCount > 0) await pause();
    }
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function decodeHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

declare global {
  interface Window {
    audioTrackPage: AudioTrackPage;
  }
}

window.audioTrackPage = new AudioTrackPage();
