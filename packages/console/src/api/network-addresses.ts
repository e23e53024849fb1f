import { asList, asRecord, asText, fetchJson } from "./fetch-json.ts";

/** Where the nodes of this network are, as base URLs without a trailing slash. */
export interface NetworkAddresses {
  readonly origin: string;
  readonly rtmp: string;
  readonly relays: readonly string[];
  readonly edges: readonly string[];
}

/** Element of the page in which its server may write the answer of `GET /v1/dev`. */
const NETWORK_ID = "canopy-network";

/** What the server of this page says (in the page, or by `GET /v1/dev`), or the default ports on the page's host. */
export async function loadAddresses(): Promise<NetworkAddresses> {
  const written = document.getElementById(NETWORK_ID)?.textContent;
  try {
    const answer: unknown = written ? JSON.parse(written) : await fetchJson("/v1/dev");
    return parseAddresses(answer, location.hostname);
  } catch {
    return parseAddresses({}, location.hostname);
  }
}

export function parseAddresses(value: unknown, host: string): NetworkAddresses {
  const record = asRecord(value) ?? {};
  const list = (name: string): readonly string[] | undefined => {
    const urls = asList(record[name])
      .map(baseUrl)
      .filter((url) => url !== undefined);
    return urls.length > 0 || Array.isArray(record[name]) ? urls : undefined;
  };
  return {
    origin: baseUrl(record.origin) ?? `http://${host}:4440`,
    rtmp: asText(record.rtmp)?.replace(/\/+$/, "") ?? `rtmp://${host}:1935`,
    relays: list("relays") ?? [`http://${host}:4441`],
    edges: list("edges") ?? [`http://${host}:4443`, `http://${host}:4444`],
  };
}

function baseUrl(value: unknown): string | undefined {
  return asText(value)?.replace(/\/+$/, "");
}

/** The WebTransport form of an address: always https, whatever the HTTP port of the same number speaks. */
export function sessionUrl(address: string): string {
  return address.replace(/^http:/, "https:");
}
