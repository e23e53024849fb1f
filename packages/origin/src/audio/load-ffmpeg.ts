export type Ffmpeg = typeof import("node-av/lib") & typeof import("node-av/constants");

/** Loads FFmpeg as a library; rejects where its binary is missing. Only the thread that transcodes calls this. */
export async function loadFfmpeg(): Promise<Ffmpeg> {
  const [lib, constants] = await Promise.all([import("node-av/lib"), import("node-av/constants")]);
  // FFmpeg writes to stderr on its own; only what is fatal may interrupt our structured log.
  lib.Log.setLevel(constants.AV_LOG_FATAL);
  return { ...lib, ...constants };
}
