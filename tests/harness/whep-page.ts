import type { Page } from "playwright-core";
import { clockReaderScript } from "./browser-viewer.ts";
import type { TestChromium } from "./chromium.ts";

/** One picture of the built-in broadcaster as the page showed it. */
export interface ShownClock {
  readonly captureMs: number;
  readonly frame: number;
  readonly seenMs: number;
}

export interface WhepPageStats {
  readonly state: string;
  readonly framesDecoded: number;
  readonly freezeCount: number;
  readonly nackCount: number;
  readonly pliCount: number;
  readonly packetsLost: number;
  readonly audioPackets: number;
  /** By the sender reports: media time of the newest frame, ms since the Unix epoch; 0 before the first. */
  readonly playoutMs: number;
  readonly srtpCipher: string;
  readonly dtlsRole: string;
  /** From POST to the first painted picture. */
  readonly joinMs: number;
}

/** Chromium's own WebRTC as a WHEP viewer: no code of ours between it and the edge. */
export interface WhepPage {
  readonly page: Page;
  stats(): Promise<WhepPageStats>;
  /** Pictures shown since the last call. */
  takeShown(): Promise<readonly ShownClock[]>;
  /** Messages of the data channel `timed`. */
  messages(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openWhepPage(chromium: TestChromium, url: string): Promise<WhepPage> {
  const { page, context } = await chromium.openPage();
  await page.evaluate(clockReaderScript());
  await page.evaluate(playWhep, url);
  return {
    page,
    stats: () => page.evaluate(readStats),
    takeShown: () => page.evaluate(() => (window as unknown as WhepWindow).whep.shown.splice(0)),
    messages: () => page.evaluate(() => (window as unknown as WhepWindow).whep.messages),
    close: () => context.close(),
  };
}

interface WhepWindow {
  whep: { peer: RTCPeerConnection; shown: ShownClock[]; messages: string[]; joinMs: number };
  readClockCode(picture: object): { unixMs: number; frame: number } | undefined;
}

/** Runs in the page. */
async function playWhep(url: string): Promise<void> {
  const view = window as unknown as WhepWindow;
  const startedAt = performance.now();
  const peer = new RTCPeerConnection();
  const whep: WhepWindow["whep"] = { peer, shown: [], messages: [], joinMs: 0 };
  view.whep = whep;
  const video = document.createElement("video");
  video.autoplay = true;
  video.playsInline = true;
  video.muted = true;
  document.body.append(video);
  const stream = new MediaStream();
  video.srcObject = stream;
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.addTransceiver("audio", { direction: "recvonly" });
  const channel = peer.createDataChannel("timed");
  channel.addEventListener("message", (event) => whep.messages.push(String(event.data)));
  peer.addEventListener("track", ({ track }) => stream.addTrack(track));
  const canvas = new OffscreenCanvas(640, 48);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const onFrame = (): void => {
    whep.joinMs ||= performance.now() - startedAt;
    video.requestVideoFrameCallback(onFrame);
    if (context === null) return;
    const { videoWidth: width, videoHeight: height } = video;
    // Only the strip on top is copied; the reader is told the height of the whole picture.
    const strip = Math.ceil(height / 8);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== strip) canvas.height = strip;
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, width, strip);
    const clock = view.readClockCode({ data, width, height, bytesPerPixel: 4 });
    if (clock !== undefined)
      whep.shown.push({
        captureMs: clock.unixMs,
        frame: clock.frame,
        seenMs: performance.timeOrigin + performance.now(),
      });
  };
  video.requestVideoFrameCallback(onFrame);
  await peer.setLocalDescription(await peer.createOffer());
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: peer.localDescription?.sdp ?? "",
  });
  if (response.status !== 201) throw new Error(`WHEP answered ${response.status}: ${await response.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
}

/** Runs in the page. */
async function readStats(): Promise<WhepPageStats> {
  const { peer, joinMs } = (window as unknown as WhepWindow).whep;
  let video: Record<string, number> = {};
  let audio: Record<string, number> = {};
  let transport: Record<string, string> = {};
  for (const report of (await peer.getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "video") video = report;
    if (report.type === "inbound-rtp" && report.kind === "audio") audio = report;
    if (report.type === "transport") transport = report;
  }
  return {
    state: peer.connectionState,
    framesDecoded: video.framesDecoded ?? 0,
    freezeCount: video.freezeCount ?? 0,
    nackCount: video.nackCount ?? 0,
    pliCount: video.pliCount ?? 0,
    packetsLost: video.packetsLost ?? 0,
    audioPackets: audio.packetsReceived ?? 0,
    // The specification counts it from 1900 (webrtc-stats, estimatedPlayoutTimestamp).
    playoutMs:
      video.estimatedPlayoutTimestamp === undefined ? 0 : video.estimatedPlayoutTimestamp - 2_208_988_800_000,
    srtpCipher: transport.srtpCipher ?? "",
    dtlsRole: transport.dtlsRole ?? "",
    joinMs,
  };
}
