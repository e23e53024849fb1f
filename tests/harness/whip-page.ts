import type { Page } from "playwright-core";
import { clockReaderScript } from "./browser-viewer.ts";
import type { TestChromium } from "./chromium.ts";

export interface WhipPageOptions {
  /** Of the node that takes it, such as `http://127.0.0.1:4440`. */
  readonly url: string;
  readonly broadcast: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly bitsPerSecond: number;
}

/** A page that publishes by WHIP. */
export interface WhipPage {
  readonly page: Page;
  /** Frames encoded so far. */
  framesEncoded(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Publishes from Chromium by WHIP a picture that tells its own capture time in the broadcaster's clock code, and a
 * quiet tone. A canvas stands for the camera, because a camera's picture cannot be read by a machine; from there on
 * it is the browser's own capture, encoder and WebRTC.
 */
export async function openWhipPage(chromium: TestChromium, options: WhipPageOptions): Promise<WhipPage> {
  const { page, context, errors } = await chromium.openPage();
  await page.evaluate(clockReaderScript());
  try {
    await page.evaluate(publishCanvas, options);
  } catch (cause) {
    await context.close();
    throw new Error(`the page does not publish: ${String(cause)}; ${errors.join("; ")}`, { cause });
  }
  return {
    page,
    framesEncoded: () =>
      page.evaluate(async () => {
        const { whipPeer } = window as unknown as { whipPeer: RTCPeerConnection };
        for (const stats of (await whipPeer.getStats()).values())
          if (stats.type === "outbound-rtp" && stats.kind === "video") return stats.framesEncoded as number;
        return 0;
      }),
    close: () => context.close(),
  };
}

/** Runs in the page. */
async function publishCanvas(options: WhipPageOptions): Promise<void> {
  const { encodeClockCode, CLOCK_CODE_COLUMNS, CLOCK_CODE_ROW_HEIGHT } = window as unknown as {
    encodeClockCode(reading: { unixMs: number; frame: number }): Uint8Array;
    CLOCK_CODE_COLUMNS: number;
    CLOCK_CODE_ROW_HEIGHT: number;
  };
  const { width, height } = options;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  document.body.append(canvas);
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("no 2D canvas");
  const cellWidth = width / CLOCK_CODE_COLUMNS;
  const cellHeight = height * CLOCK_CODE_ROW_HEIGHT;
  let frame = 0;
  const draw = (): void => {
    context.fillStyle = "#20303a";
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#2ec48c";
    context.fillRect(((frame * 4) % width) - 40, height / 2 - 40, 80, 80);
    const code = encodeClockCode({ unixMs: performance.timeOrigin + performance.now(), frame });
    for (let index = 0; index < code.length * 8; index++) {
      const bit = ((code[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
      const column = index % CLOCK_CODE_COLUMNS;
      const row = Math.floor(index / CLOCK_CODE_COLUMNS);
      context.fillStyle = bit === 1 ? "#fff" : "#000";
      context.fillRect(column * cellWidth, row * cellHeight, cellWidth, cellHeight);
    }
    frame++;
  };
  draw();
  // Frames are handed over one by one, at the moment that is drawn into them.
  const stream = canvas.captureStream(0);
  const [picture] = stream.getVideoTracks() as CanvasCaptureMediaStreamTrack[];
  if (picture === undefined) throw new Error("no track of the canvas");
  setInterval(() => {
    draw();
    picture.requestFrame();
  }, 1000 / options.framesPerSecond);

  const audio = new AudioContext({ sampleRate: 48_000 });
  const output = audio.createMediaStreamDestination();
  const gain = new GainNode(audio, { gain: 0.05 });
  const tone = new OscillatorNode(audio, { frequency: 440 });
  tone.connect(gain).connect(output);
  tone.start();

  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  Object.assign(window, { whipPeer: peer });
  const video = peer.addTransceiver(picture, {
    direction: "sendonly",
    streams: [stream],
    sendEncodings: [{ maxBitrate: options.bitsPerSecond }],
  });
  video.setCodecPreferences(
    (RTCRtpSender.getCapabilities("video")?.codecs ?? []).filter(({ mimeType }) => mimeType === "video/H264"),
  );
  for (const track of output.stream.getAudioTracks())
    peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== "complete")
    await new Promise<void>((resolve) => {
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState === "complete") resolve();
      };
    });
  const response = await fetch(`${options.url}/whip/${options.broadcast}`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: peer.localDescription?.sdp ?? "",
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`WHIP answered ${response.status}: ${answer}`);
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  if (peer.connectionState !== "connected")
    await new Promise<void>((resolve, reject) => {
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "connected") resolve();
        else if (peer.connectionState === "failed") reject(new Error("the connection failed"));
      };
    });
}
