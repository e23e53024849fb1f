import { decodeLegacyFrame } from "@canopy/media/container";
import { isKeyframe } from "@canopy/media/h264";
import type { PlayerStats } from "@canopy/player";
import { framePayload } from "@canopy/protocol";
import { describe, expect, it } from "vitest";
import { openViewer } from "../harness/browser-viewer.ts";
import type { TestPage } from "../harness/chromium.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The camera and microphone that Chromium feigns: a picture that moves, and a beep every second. */
const FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

const CAMERA = { width: 640, height: 480 };

interface PageOptions {
  readonly url: string;
  readonly video: { readonly width: number; readonly height: number } | false;
  readonly audio: boolean;
  /** Simulcast layers, the smallest first; none: one stream. */
  readonly rids: readonly string[];
}

/** Runs in the page: WHIP as a browser does it by itself, with no library. Returns the status and the session's URL. */
async function publishCamera(options: PageOptions): Promise<{ status: number; location: string }> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: options.video,
    audio: options.audio,
  });
  const peer = new RTCPeerConnection();
  Object.assign(window, { peer });
  for (const track of stream.getTracks()) {
    const layers = options.rids.map((rid, index) => ({
      rid,
      scaleResolutionDownBy: 2 ** (options.rids.length - 1 - index),
    }));
    const transceiver = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      ...(track.kind === "video" && layers.length > 0 ? { sendEncodings: layers } : {}),
    });
    if (track.kind !== "video") continue;
    const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
    const wanted = ["video/H264", "video/rtx"];
    transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
  }
  await peer.setLocalDescription();
  const response = await fetch(options.url, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: peer.localDescription?.sdp ?? "",
  });
  const answer = await response.text();
  if (response.status === 201) await peer.setRemoteDescription({ type: "answer", sdp: answer });
  return { status: response.status, location: response.headers.get("location") ?? "" };
}

describe("Chromium as a WHIP publisher", () => {
  const stage = useDevInChromium({ edges: 1 }, { args: FAKE_CAMERA });

  async function publish(
    broadcast: string,
    options: Partial<PageOptions> = {},
  ): Promise<TestPage & { readonly session: string }> {
    const opened = await stage.chromium.openPage();
    const url = `${stage.dev.origin}/whip/${broadcast}`;
    const wanted = { url, video: CAMERA, audio: true, rids: [], ...options };
    const { status, location } = await opened.page.evaluate(publishCamera, wanted);
    expect(status, opened.errors.join("; ")).toBe(201);
    return { ...opened, session: new URL(location, url).href };
  }

  async function describeBroadcast(broadcast: string): Promise<{
    readonly publisher: { readonly protocol: string; readonly connected: boolean };
    readonly tracks: readonly { readonly name: string; readonly codec?: string; readonly width?: number }[];
  }> {
    const response = await fetch(`${stage.dev.origin}/v1/broadcasts/${broadcast}`);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return response.json();
  }

  it.concurrent("is seen and heard at an edge, over two hops, until it ends its session", async () => {
    const broadcast = "interop/whip-camera";
    const { session, context } = await publish(broadcast);
    const [edge = ""] = stage.dev.edges;
    const keyframes: boolean[] = [];
    /** From capture to arrival here, µs. */
    const ages: Record<"video" | "audio", number[]> = { video: [], audio: [] };
    await waitFor("the tracks", async () => {
      const { tracks } = await describeBroadcast(broadcast);
      return ["video", "audio"].every((name) => tracks.some((track) => track.name === name));
    });
    const viewer = await MoqViewer.connect({
      url: edge,
      broadcast,
      tracks: ["catalog.json", "video", "audio"],
      onFrame: (track, _sequence, frame) => {
        if (track === "video" || track === "audio") ages[track].push(Date.now() * 1_000 - frame.timestamp);
        if (track === "video") keyframes.push(isKeyframe(decodeLegacyFrame(framePayload(frame)).payload));
      },
    });
    // It plays while the other viewer counts.
    const src = stage.dev.edges;
    const screen = await openViewer(stage.chromium, { console: stage.dev.console, src, broadcast });
    await waitFor(
      () => `frames; ${JSON.stringify([viewer.view("video").frames, viewer.view("audio").frames])}`,
      () => viewer.view("video").frames >= 90 && viewer.view("audio").frames >= 200,
    );
    // Groups of about two seconds, each from a keyframe, although nobody set a keyframe interval.
    expect(keyframes.filter(Boolean).length).toBeGreaterThanOrEqual(2);
    // Of what a busy machine held up least: both kinds on one clock, which is ours.
    const [videoUs, audioUs] = [ages.video, ages.audio].map((settled) => Math.min(...settled.slice(-90)));
    expect(Math.abs((videoUs ?? Number.NaN) - (audioUs ?? Number.NaN))).toBeLessThan(300_000);
    expect(Math.abs(audioUs ?? Number.NaN)).toBeLessThan(1_000_000);
    expect((await describeBroadcast(broadcast)).publisher).toMatchObject({
      protocol: "whip",
      connected: true,
    });

    await screen.until("pictures on screen", ({ presentedFrames }) => presentedFrames >= 30);
    // An encoder that had to wait for the processor begins smaller.
    const isWhole = ({ width }: PlayerStats, wanted: number) => width === wanted;
    await screen.until("the whole picture", isWhole, { argument: CAMERA.width, timeoutMs: 60_000 });
    expect(await screen.stats()).toMatchObject({
      videoCodec: expect.stringMatching(/^avc1\.42/),
      audioCodec: "opus",
      ...CAMERA,
    });
    await screen.close();

    expect((await fetch(session, { method: "DELETE" })).status).toBe(200);
    await waitFor("the end of the broadcast", () => viewer.view("video").closed);
    viewer.close();
    await context.close();
  });

  it.concurrent("can publish again right after its page was closed without a word", async () => {
    const broadcast = "interop/whip-reload";
    const first = await publish(broadcast, { audio: false });
    await waitFor("the first one", async () => (await describeBroadcast(broadcast)).publisher.connected);
    await first.context.close();
    const again = await stage.chromium.openPage();
    const startedMs = Date.now();
    await waitFor(
      "the path",
      async () => {
        const url = `${stage.dev.origin}/whip/${broadcast}`;
        const options = { url, video: CAMERA, audio: false, rids: [] };
        return (await again.page.evaluate(publishCamera, options)).status === 201;
      },
      10_000,
    );
    expect(Date.now() - startedMs).toBeLessThan(6_000);
    await waitFor("the second one", async () => (await describeBroadcast(broadcast)).publisher.connected);
    await again.context.close();
  });

  it("becomes a rendition per simulcast layer", async () => {
    const broadcast = "interop/whip-simulcast";
    // Chromium makes no three layers of less.
    const video = { width: 1_280, height: 720 };
    const { context } = await publish(broadcast, { video, audio: false, rids: ["q", "h", "f"] });
    const tracks = await waitFor("three renditions", async () => {
      const described = await describeBroadcast(broadcast);
      const videos = described.tracks.filter(({ name }) => name.startsWith("video-"));
      return videos.length === 3 ? videos : undefined;
    });
    expect(tracks.map(({ name, width }) => `${name} ${width}`).sort()).toEqual([
      "video-f 1280",
      "video-h 640",
      "video-q 320",
    ]);
    const viewer = await MoqViewer.connect({
      url: stage.dev.edges[0] ?? "",
      broadcast,
      tracks: ["video-q", "video-f"],
    });
    await waitFor("frames of two layers", () =>
      ["video-q", "video-f"].every((name) => viewer.view(name).frames >= 30),
    );
    viewer.close();
    await context.close();
  });
});
