import { PlayerError } from "../player-error.ts";
import { composePictures, mixSounds } from "./compose-pictures.ts";

/** `both`: the screen with the camera in its corner, and the sound of both. */
export type MediaSource = MediaStream | "camera" | "screen" | "both";

export interface MediaWishes {
  readonly video: { readonly width: number; readonly height: number; readonly framerate: number } | false;
  readonly audio: boolean;
  readonly videoDeviceId?: string | undefined;
  readonly audioDeviceId?: string | undefined;
}

export interface OpenMedia {
  readonly stream: MediaStream;
  /** Calls back once when the source ends by itself: a device unplugged, "stop sharing". */
  onEnded(listener: () => void): void;
  /** Lets devices go. A stream that the caller gave stays his. */
  stop(): void;
}

/** Asks for camera and microphone, a screen, or both. Throws `PlayerError` "configuration" if that is refused. */
export async function openMedia(source: MediaSource, wishes: MediaWishes): Promise<OpenMedia> {
  if (typeof source !== "string") return opened(source, source.getTracks(), () => {});
  if (source === "both") return openBoth(wishes);
  const stream = source === "camera" ? await openCamera(wishes) : await openScreen(wishes);
  return opened(stream, stream.getTracks(), () => stopAll(stream));
}

async function openBoth(wishes: MediaWishes): Promise<OpenMedia> {
  const { video } = wishes;
  if (video === false) throw new PlayerError("configuration", "screen and camera without pictures");
  // The screen first: browsers want its dialog right after the click.
  const screen = await openScreen(wishes);
  let camera: MediaStream;
  try {
    camera = await openCamera(wishes);
  } catch (error) {
    stopAll(screen);
    throw error;
  }
  const [screenTrack] = screen.getVideoTracks();
  const [cameraTrack] = camera.getVideoTracks();
  if (screenTrack === undefined || cameraTrack === undefined) {
    stopAll(screen);
    stopAll(camera);
    throw new PlayerError("configuration", "screen or camera gives no picture");
  }
  const picture = composePictures(screenTrack, cameraTrack, { size: video, framerate: video.framerate });
  const sounds = [...screen.getAudioTracks(), ...camera.getAudioTracks()];
  const mixed = sounds.length > 1 ? mixSounds(sounds) : undefined;
  const stream = new MediaStream([picture.track, ...(mixed ? [mixed.track] : sounds)]);
  return opened(stream, [screenTrack, cameraTrack], () => {
    picture.stop();
    mixed?.stop();
    stopAll(screen);
    stopAll(camera);
  });
}

function opened(stream: MediaStream, tracks: readonly MediaStreamTrack[], stop: () => void): OpenMedia {
  let hasEnded = false;
  return {
    stream,
    onEnded: (listener) => {
      const onEnd = (): void => {
        if (!hasEnded) listener();
        hasEnded = true;
      };
      for (const track of tracks) {
        // Sound may go while the picture stays.
        if (track.kind === "video" || tracks.length === 1)
          track.addEventListener("ended", onEnd, { once: true });
      }
    },
    stop,
  };
}

async function openCamera(wishes: MediaWishes): Promise<MediaStream> {
  const video = pictureConstraints(wishes);
  return asked("camera", () =>
    navigator.mediaDevices.getUserMedia({
      video: video && {
        ...video,
        ...(wishes.videoDeviceId !== undefined && { deviceId: { exact: wishes.videoDeviceId } }),
      },
      audio: wishes.audio && {
        ...(wishes.audioDeviceId !== undefined && { deviceId: { exact: wishes.audioDeviceId } }),
      },
    }),
  );
}

async function openScreen(wishes: MediaWishes): Promise<MediaStream> {
  return asked("screen", () =>
    navigator.mediaDevices.getDisplayMedia({ video: pictureConstraints(wishes), audio: wishes.audio }),
  );
}

async function asked(what: string, open: () => Promise<MediaStream>): Promise<MediaStream> {
  try {
    return await open();
  } catch (cause) {
    const refused = cause instanceof DOMException && cause.name === "NotAllowedError";
    throw new PlayerError(
      "configuration",
      `the ${what} ${refused ? "is not allowed" : "cannot be opened"}`,
      cause,
    );
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function pictureConstraints(wishes: MediaWishes): MediaTrackConstraints | false {
  if (wishes.video === false) return false;
  const { width, height, framerate } = wishes.video;
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: framerate, max: 60 } };
}
