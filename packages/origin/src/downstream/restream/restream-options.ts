export interface RestreamOptions {
  /** Restreams at one time. */
  readonly maxRestreams: number;
  /** Hosts that may be pushed to: names, addresses, or `*.example.com`. Empty: any. */
  readonly allowedHosts: readonly string[];
}

export const DEFAULT_RESTREAM_OPTIONS: RestreamOptions = { maxRestreams: 100, allowedHosts: [] };

/** Whether the list lets this host through. `*.example.com` stands for every name below it, not for itself. */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  if (allowed.length === 0) return true;
  const name = host.toLowerCase();
  return allowed.some((entry) => {
    const wanted = entry.toLowerCase();
    return wanted.startsWith("*.") ? name.endsWith(wanted.slice(1)) : name === wanted;
  });
}
