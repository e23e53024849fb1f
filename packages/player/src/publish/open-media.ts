import { PlayerError } from "../player-error.ts";

export type MediaSource = MediaStream | "camera" | "screen";

export interface MediaWishes {
  readonly video: { readonly width: number; readonly height: number; readonly framerate: number } | false;
  readonly audio: boolean;
  readonly videoDeviceId: string | undefined;
  readonly audioDeviceId: string | undefined;
}

export interface OpenMedia {
  readonly stream: MediaStream;
  /** False: the stream belongs to the caller, who stops it. */
  readonly owned: boolean;
}

/** Asks for camera and microphone, or for a screen. Throws `PlayerError` "configuration" if that is refused. */
export async function openMedia(source: MediaSource, wishes: MediaWishes): Promise<OpenMedia> {
  if (typeof source !== "string") return { stream: source, owned: false };
  try {
    const stream =
      source === "camera"
        ? await navigator.mediaDevices.getUserMedia(cameraConstraints(wishes))
        : await navigator.mediaDevices.getDisplayMedia({
            video: pictureConstraints(wishes),
            audio: wishes.audio,
          });
    return { stream, owned: true };
  } catch (cause) {
    const refused = cause instanceof DOMException && cause.name === "NotAllowedError";
    const text = refused ? "is not allowed" : "cannot be opened";
    throw new PlayerError("configuration", `the ${source} ${text}`, cause);
  }
}

function cameraConstraints(wishes: MediaWishes): MediaStreamConstraints {
  const video = pictureConstraints(wishes);
  return {
    video: video && {
      ...video,
      ...(wishes.videoDeviceId !== undefined && { deviceId: { exact: wishes.videoDeviceId } }),
    },
    audio: wishes.audio && {
      ...(wishes.audioDeviceId !== undefined && { deviceId: { exact: wishes.audioDeviceId } }),
    },
  };
}

function pictureConstraints(wishes: MediaWishes): MediaTrackConstraints | false {
  if (wishes.video === false) return false;
  const { width, height, framerate } = wishes.video;
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: framerate, max: 60 } };
}
