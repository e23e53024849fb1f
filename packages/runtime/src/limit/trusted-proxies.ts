import { BlockList, isIP } from "node:net";
import { ConfigError } from "../config/config-error.ts";

/** A request through more proxies than this is one whose sender wrote the header. */
const MAX_HOPS = 16;

/** Proxies whose `X-Forwarded-For` is believed: addresses or networks such as `10.0.0.0/8`. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** Throws `ConfigError`. */
  constructor(networks: readonly string[]) {
    this.#isEmpty = networks.length === 0;
    for (const network of networks) this.#add(network);
  }

  has(address: string): boolean {
    if (this.#isEmpty) return false;
    const bare = plain(address);
    const version = isIP(bare);
    return version !== 0 && this.#list.check(bare, version === 6 ? "ipv6" : "ipv4");
  }

  /**
   * Who sent a request: read from the right, since every proxy appends whom it got the request from, the first one
   * that is no proxy of ours. What stands to its left was written by whoever it is.
   */
  clientOf(peer: string, forwardedFor: string | readonly string[] | undefined): string {
    let client = plain(peer);
    if (forwardedFor === undefined || !this.has(client)) return client;
    const header = typeof forwardedFor === "string" ? forwardedFor : forwardedFor.join(",");
    const hops = header.split(",").slice(-MAX_HOPS);
    for (const hop of hops.reverse()) {
      const address = plain(hop.trim());
      if (isIP(address) === 0) return client;
      client = address;
      if (!this.has(client)) return client;
    }
    return client;
  }

  #add(network: string): void {
    const [address = "", length, ...rest] = network.split("/");
    const version = isIP(address);
    const type = version === 6 ? "ipv6" : "ipv4";
    try {
      if (version === 0 || rest.length > 0) throw new TypeError("no address");
      if (length === undefined) this.#list.addAddress(address, type);
      else if (/^\d{1,3}$/.test(length)) this.#list.addSubnet(address, Number(length), type);
      else throw new TypeError("no length");
    } catch (cause) {
      const message = `--trusted-proxy must be an IP address or a network such as 10.0.0.0/8, not ${network}`;
      const error = new ConfigError("config-invalid", message, "--trusted-proxy");
      error.cause = cause;
      throw error;
    }
  }
}

/** Without brackets; IPv4 in IPv6 form as IPv4. */
function plain(address: string): string {
  return address.replace(/^\[|\]$/g, "").replace(/^::ffff:(?=\d+\.)/i, "");
}
