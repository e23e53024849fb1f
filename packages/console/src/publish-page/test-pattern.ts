import { workerTicker } from "@canopy/player/publish";

/** A picture made in this page, with a quiet tone: publishing can be tried without a camera. */
export interface TestPattern {
  readonly stream: MediaStream;
  stop(): void;
}

const BEEP_MS = 100;
const BARS = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf"];

export function createTestPattern(width: number, height: number, fps: number): TestPattern {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("this browser has no 2D canvas");
  drawPattern(context, width, height, Date.now());
  const stream = canvas.captureStream(fps);
  const ticker = workerTicker(1000 / fps, () => drawPattern(context, width, height, Date.now()));
  const tone = createTone();
  for (const track of tone.tracks) stream.addTrack(track);
  return {
    stream,
    stop: () => {
      ticker.stop();
      tone.stop();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

function drawPattern(context: CanvasRenderingContext2D, width: number, height: number, unixMs: number): void {
  const unit = height / 36;
  context.fillStyle = "#0e161e";
  context.fillRect(0, 0, width, height);
  const barWidth = width / BARS.length;
  BARS.forEach((color, index) => {
    context.fillStyle = color;
    context.fillRect(index * barWidth, height * 0.84, barWidth + 1, height * 0.16);
  });
  context.fillStyle = "#e8efe9";
  context.textAlign = "center";
  context.font = `600 ${Math.round(unit * 6)}px ui-monospace, monospace`;
  context.fillText(new Date(unixMs).toISOString().slice(11, 23), width / 2, height * 0.45);
  context.fillStyle = "#8ea39a";
  context.font = `${Math.round(unit * 1.8)}px system-ui, sans-serif`;
  context.fillText("Canopy test pattern, made in this browser (UTC)", width / 2, height * 0.56);
  const phase = (unixMs % 4000) / 4000;
  const way = phase < 0.5 ? phase * 2 : 2 - phase * 2;
  context.fillStyle = "#18262f";
  context.fillRect(unit * 2, height * 0.68, width - unit * 4, unit * 2.4);
  context.fillStyle = unixMs % 1000 < BEEP_MS ? "#ffc43c" : "#2ec48c";
  context.beginPath();
  context.arc(
    unit * 3.2 + way * (width - unit * 6.4),
    height * 0.68 + unit * 1.2,
    unit * 1.2,
    0,
    2 * Math.PI,
  );
  context.fill();
}

function createTone(): { readonly tracks: readonly MediaStreamTrack[]; stop(): void } {
  const audio = new AudioContext({ sampleRate: 48_000 });
  const tone = new OscillatorNode(audio, { frequency: 440 });
  const gain = new GainNode(audio, { gain: 0.05 });
  const output = audio.createMediaStreamDestination();
  tone.connect(gain).connect(output);
  tone.start();
  void audio.resume();
  return { tracks: output.stream.getAudioTracks(), stop: () => void audio.close() };
}
