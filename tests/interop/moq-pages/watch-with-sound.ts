import type { PlayerStats } from "@canopy/player";
import { type BrowserViewer, openViewer } from "../../harness/browser-viewer.ts";
import type { DevInChromium } from "../../harness/dev-in-chromium.ts";
import { waitFor } from "../../harness/wait-for.ts";

export interface WatchWithSoundOptions {
  readonly broadcast: string;
  /** Of the publisher's page; told if no sound comes. */
  readonly errors: readonly string[];
  /** Peak of the samples that counts as sound. */
  readonly minLoudness: number;
}

/** Opens our player at an edge and waits until it shows the broadcast and lets its sound be heard. */
export async function watchWithSound(
  { dev, chromium }: DevInChromium,
  { broadcast, errors, minLoudness }: WatchWithSoundOptions,
): Promise<{ readonly viewer: BrowserViewer; readonly stats: PlayerStats | undefined }> {
  const viewer = await openViewer(chromium, {
    console: dev.console,
    src: dev.edges,
    broadcast,
    // Sound that nobody hears is not waited for.
    query: { muted: "false" },
  });
  await viewer.presents(30);
  let stats: PlayerStats | undefined;
  await waitFor(
    () =>
      `sound from ${JSON.stringify({ ...stats, presentedTimestampsUs: [] })}; errors: ${[...errors, ...viewer.errors].join("; ")}`,
    async () => {
      stats = await viewer.stats();
      return (await viewer.loudest()) > minLoudness;
    },
  );
  return { viewer, stats };
}
