/** IPv6 hosts get whole networks of this length: counted one by one, each could come from 2^64 addresses. */
const IPV6_GROUPS = 4;

/**
 * What limits per address are counted by: an IPv4 address, or the /64 of an IPv6 one. Takes what sockets and URLs
 * give, with or without brackets and zone; an IPv4 address in IPv6 form is that address.
 */
export function addressKey(address: string): string {
  const bare = address.replace(/^\[|\]$/g, "");
  if (!bare.includes(":")) return bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = "", tail] = (bare.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? 0 : tail.split(":").length;
    // Zeros stand where the double colon is; what is behind the first four groups does not matter.
    const tailGroups = tail === "" ? [] : tail.split(":");
    while (groups.length + rest < 8 && groups.length < 8) groups.push("0");
    groups.push(...tailGroups);
  }
  const network = groups.slice(0, IPV6_GROUPS).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}

/** `1.2.3.4:5` and `[::1]:5` without their port. */
export function withoutPort(remoteAddress: string): string {
  const colon = remoteAddress.lastIndexOf(":");
  return colon < 0 ? remoteAddress : remoteAddress.slice(0, colon);
}
