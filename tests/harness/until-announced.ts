import { waitFor } from "./wait-for.ts";

/**
 * Waits until every one of these nodes knows the broadcast. A player that asks for it sooner goes on asking, but its
 * page's console has an error then.
 */
export async function untilAnnounced(nodes: readonly string[], broadcast: string): Promise<void> {
  const isAnnounced = async (url: string): Promise<boolean> => {
    const text = await (await fetch(`${url}/announced`)).text();
    return text.split("\n").includes(broadcast);
  };
  await Promise.all(nodes.map((url) => waitFor(`${broadcast} at ${url}`, () => isAnnounced(url))));
}
