const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "::1"];

/** Names for a development certificate; an address that means "all" is none that anybody connects to. */
export function developmentHosts(host: string): readonly string[] {
  return [...new Set([...LOOPBACK_HOSTS, ...(host === "0.0.0.0" || host === "::" ? [] : [host])])];
}
