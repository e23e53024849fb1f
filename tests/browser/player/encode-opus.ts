import type { ClipFrame, ClipFrames } from "./clip-frames.ts";

const SAMPLE_RATE = 48_000;
const CHANNELS = 2;
const TONE_HZ = 440;

/** The clip with its sound replaced by a tone in Opus, made by the browser's own encoder. */
export async function withOpus(clip: ClipFrames): Promise<ClipFrames> {
  const audio: ClipFrame[] = [];
  const encoder = new AudioEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      const { timestamp } = chunk;
      const data = btoa(String.fromCharCode(...bytes));
      audio.push({ decodeUs: timestamp, timestampUs: timestamp, isKey: true, data });
    },
    error: (error) => {
      throw error;
    },
  });
  encoder.configure({ codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: CHANNELS, bitrate: 96_000 });
  const seconds = clip.durationUs / 1e6;
  for (let second = 0; second < seconds; second += 1) {
    const samples = new Float32Array(SAMPLE_RATE * CHANNELS);
    for (let index = 0; index < SAMPLE_RATE; index += 1) {
      const value = Math.sin((2 * Math.PI * TONE_HZ * index) / SAMPLE_RATE) / 4;
      samples.fill(value, index * CHANNELS, (index + 1) * CHANNELS);
    }
    const block = new AudioData({
      format: "f32",
      sampleRate: SAMPLE_RATE,
      numberOfChannels: CHANNELS,
      numberOfFrames: SAMPLE_RATE,
      timestamp: second * 1e6,
      data: samples,
    });
    encoder.encode(block);
    block.close();
  }
  await encoder.flush();
  encoder.close();
  return { ...clip, audio, audioCodec: "opus", audioDescription: "" };
}
