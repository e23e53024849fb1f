/** More servers than this slow gathering down and help nobody. */
const MAX_SERVERS = 8;

/** One header field, however long, is looked at this far. */
const MAX_HEADER_LENGTH = 8_192;

/**
 * ICE servers of a Link header (RFC 9725 §4.6): `<turn:host?transport=udp>; rel="ice-server"; username="u";
 * credential="p"`. Whatever is not one is passed over.
 */
export function parseIceServers(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  if (header === null) return servers;
  // RFC 8288 §3: <target> followed by parameters whose values may be quoted, and may then hold commas.
  const link = /<([^>]*)>((?:\s*;\s*[\w-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)*)/g;
  for (const [, target = "", rest = ""] of header.slice(0, MAX_HEADER_LENGTH).matchAll(link)) {
    const parameters = parseParameters(rest);
    const isServer = (parameters.get("rel") ?? "").toLowerCase().split(/\s+/).includes("ice-server");
    if (!isServer || !/^(stuns?|turns?):/i.test(target)) continue;
    const username = parameters.get("username");
    const credential = parameters.get("credential");
    // RTCPeerConnection throws on a TURN server without both.
    if (/^turn/i.test(target) && (username === undefined || credential === undefined)) continue;
    servers.push({
      urls: target,
      ...(username !== undefined && { username }),
      ...(credential !== undefined && { credential }),
    });
    if (servers.length === MAX_SERVERS) break;
  }
  return servers;
}

function parseParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const parameter = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))/g;
  for (const [, name = "", quoted, plain] of text.matchAll(parameter)) {
    const key = name.toLowerCase();
    // The first one counts (RFC 8288 §3.3 says so for rel).
    if (!parameters.has(key)) parameters.set(key, quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
  }
  return parameters;
}
