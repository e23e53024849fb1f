/** A STUN or TURN server that clients are told of (RFC 9725 section 4.6). */
export interface AnnouncedIceServer {
  /** `stun:…`, `turn:…` or `turns:…`. */
  readonly url: string;
  readonly username?: string;
  readonly credential?: string;
}

/** Values of the `Link` headers that name the servers. */
export function iceServerLinks(servers: readonly AnnouncedIceServer[]): readonly string[] {
  return servers.map(({ url, username, credential }) => {
    const link = `<${url}>; rel="ice-server"`;
    if (username === undefined || credential === undefined) return link;
    return `${link}; username=${quote(username)}; credential=${quote(credential)}; credential-type="password"`;
  });
}

/** RFC 9110 section 5.6.4; characters that cannot stand in a header are left out. */
function quote(text: string): string {
  return `"${text.replace(/[^\t\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
