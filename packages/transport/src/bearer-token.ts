/** The token in a value of the header `authorization` (RFC 6750 §2.1); undefined if it holds none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
}
