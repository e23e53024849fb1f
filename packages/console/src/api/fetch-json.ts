/** Longer than any answer of a live node takes; a poll must not wait for a dead one. */
const REQUEST_TIMEOUT_MS = 4_000;

let accessToken: string | undefined;

/** All requests show this token from now on; nodes with a key tell operators only of the network. */
export function showToken(token: string | undefined): void {
  accessToken = token;
}

/** A request that failed; `status` is 0 if no answer came. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}

export async function fetchJson(url: string, init: RequestInit = {}): Promise<unknown> {
  const response = await request(url, init);
  try {
    return await response.json();
  } catch (cause) {
    throw new ApiError(response.status, "the answer is not JSON", { cause });
  }
}

export async function fetchText(url: string): Promise<string> {
  return (await request(url, {})).text();
}

/** For requests of which only the success matters. */
export async function send(url: string, init: RequestInit): Promise<void> {
  await (await request(url, init)).body?.cancel();
}

export function postJson(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    const headers = new Headers(init.headers);
    if (accessToken !== undefined) headers.set("authorization", `Bearer ${accessToken}`);
    response = await fetch(url, {
      ...init,
      headers,
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new ApiError(0, `no answer from ${new URL(url, location.href).host}`, { cause });
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}

/** The detail of an RFC 9457 problem document, or the status line. */
async function problemText(response: Response): Promise<string> {
  try {
    const problem = asRecord(await response.json());
    const text = asText(problem?.detail) ?? asText(problem?.title);
    if (text !== undefined) return text;
  } catch {
    // Not a problem document: the status says it.
  }
  return `${response.status} ${response.statusText}`.trim();
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
