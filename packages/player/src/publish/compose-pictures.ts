import { encodeSize, type Size } from "./encode-size.ts";
import { workerTicker } from "./worker-ticker.ts";

/** The camera's share of the width, its distance from the corner, and its rounding, as parts of the width. */
const INSET_WIDTH = 0.22;
const INSET_MARGIN = 0.02;
const INSET_RADIUS = 0.012;

export interface ComposedPicture {
  readonly track: MediaStreamTrack;
  stop(): void;
}

/** A rectangle in pixels. */
export interface Box extends Size {
  readonly x: number;
  readonly y: number;
}

/** Where the camera stands on the screen's picture: the lower right corner. */
export function insetBox(screen: Size, camera: Size): Box {
  const width = Math.round(screen.width * INSET_WIDTH);
  const shape = camera.width > 0 && camera.height > 0 ? camera.height / camera.width : 9 / 16;
  const height = Math.round(width * shape);
  const margin = Math.round(screen.width * INSET_MARGIN);
  return { x: screen.width - width - margin, y: screen.height - height - margin, width, height };
}

/** One picture of two: the screen, and the camera in its corner. The sources stay the caller's. */
export function composePictures(
  screen: MediaStreamTrack,
  camera: MediaStreamTrack,
  options: { readonly size: Size; readonly framerate: number },
): ComposedPicture {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("this browser has no 2D canvas");
  const screenVideo = playing(screen);
  const cameraVideo = playing(camera);
  const draw = (): void => {
    const { videoWidth: width, videoHeight: height } = screenVideo;
    if (width === 0) return;
    const size = encodeSize({ width, height }, options.size);
    if (canvas.width !== size.width || canvas.height !== size.height) {
      canvas.width = size.width;
      canvas.height = size.height;
    }
    context.drawImage(screenVideo, 0, 0, size.width, size.height);
    if (cameraVideo.videoWidth === 0) return;
    const box = insetBox(size, { width: cameraVideo.videoWidth, height: cameraVideo.videoHeight });
    context.save();
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, size.width * INSET_RADIUS);
    context.clip();
    context.drawImage(cameraVideo, box.x, box.y, box.width, box.height);
    context.restore();
  };
  // A canvas has the size of its first picture only once it is drawn; until then it is small.
  const first = screen.getSettings();
  const start = encodeSize({ width: first.width ?? 1280, height: first.height ?? 720 }, options.size);
  canvas.width = start.width;
  canvas.height = start.height;
  const ticker = workerTicker(1000 / options.framerate, draw);
  const [track] = canvas.captureStream(options.framerate).getVideoTracks();
  if (track === undefined) throw new Error("the canvas gives no track");
  return {
    track,
    stop: () => {
      ticker.stop();
      track.stop();
      screenVideo.srcObject = null;
      cameraVideo.srcObject = null;
    },
  };
}

export interface MixedSound {
  readonly track: MediaStreamTrack;
  stop(): void;
}

/** One sound of several. The sources stay the caller's. */
export function mixSounds(tracks: readonly MediaStreamTrack[]): MixedSound {
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
  const output = context.createMediaStreamDestination();
  for (const track of tracks) context.createMediaStreamSource(new MediaStream([track])).connect(output);
  void context.resume();
  const [track] = output.stream.getAudioTracks();
  if (track === undefined) throw new Error("the mixer gives no track");
  return {
    track,
    stop: () => {
      track.stop();
      void context.close();
    },
  };
}

function playing(track: MediaStreamTrack): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  void video.play().catch(() => {
    // Without a picture nothing is drawn of it.
  });
  return video;
}
