export type Ffmpeg = typeof import("node-av/lib") & typeof import("node-av/constants");

/** FFmpeg as a library is about 150 MB: it is loaded only by commands that encode, when they do. */
export async function loadFfmpeg(): Promise<Ffmpeg> {
  const [lib, constants] = await Promise.all([import("node-av/lib"), import("node-av/constants")]);
  // FFmpeg writes to stderr on its own; only what is fatal may interrupt our structured log.
  lib.Log.setLevel(constants.AV_LOG_FATAL);
  return { ...lib, ...constants };
}
