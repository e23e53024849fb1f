/** Values of a node's metrics by name and labels as printed, such as `canopy_sessions{transport="quic"}`. */
export async function scrapeMetrics(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url}/metrics answered ${response.status}`);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const end = line.lastIndexOf(" ");
    values.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return values;
}

/** One value; fails if the node does not export it. */
export async function metric(url: string, name: string): Promise<number> {
  const value = (await scrapeMetrics(url)).get(name);
  if (value === undefined) throw new Error(`${url} exports no ${name}`);
  return value;
}
