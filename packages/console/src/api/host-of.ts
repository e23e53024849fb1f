/** "https://127.0.0.1:4441/x" and "127.0.0.1:4441" both name 127.0.0.1:4441. */
export function hostOf(address: string | undefined): string | undefined {
  const host = address?.replace(/^[a-z]+:\/\//, "").replace(/\/.*$/, "");
  return host === "" ? undefined : host;
}
