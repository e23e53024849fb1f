import { PlayerError } from "../player-error.ts";

/** A locator answers from memory. */
const ANSWER_TIMEOUT_MS = 2_000;
/** One that is gone with its machine does not refuse: then the next is asked beside it. */
const HEAD_START_MS = 400;
/** Edges of one answer that are looked at. */
const MAX_EDGES = 8;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

export interface LocateRequest {
  /** Any nodes of the network, `http(s)://host:port`, in order of preference. */
  readonly locators: readonly string[];
  readonly broadcast: string;
  readonly token: string | undefined;
  /** Undefined: that of the node that answers. */
  readonly region?: string | undefined;
}

/**
 * Asks the network which edges this viewer should take (`GET /v1/locate`), best first. Throws `PlayerError`
 * "unreachable" if no locator knows one, "unauthorized" if one says that the token does not allow the broadcast.
 */
export async function locateEdges(
  request: LocateRequest,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<string[]> {
  const others = new AbortController();
  const signal = AbortSignal.any([deps.signal, others.signal]);
  try {
    return await new Promise((resolve, reject) => {
      let failure = new PlayerError("unreachable", "no locator is named");
      let asked = 0;
      let underway = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      signal.addEventListener("abort", () => clearTimeout(timer));
      const askNext = (): void => {
        clearTimeout(timer);
        const locator = request.locators[asked];
        if (signal.aborted || locator === undefined) {
          if (underway === 0) reject(failure);
          return;
        }
        asked += 1;
        underway += 1;
        timer = setTimeout(askNext, HEAD_START_MS);
        askLocator(locator, request, { fetch: deps.fetch, signal }).then(resolve, (error: unknown) => {
          underway -= 1;
          if (error instanceof PlayerError && error.code === "unauthorized") {
            reject(error);
            return;
          }
          failure =
            error instanceof PlayerError
              ? error
              : new PlayerError("unreachable", `${new URL(locator).host} does not answer`, error);
          askNext();
        });
      };
      askNext();
    });
  } finally {
    others.abort();
  }
}

async function askLocator(
  locator: string,
  { broadcast, token, region }: LocateRequest,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<string[]> {
  const url = new URL("/v1/locate", locator);
  url.searchParams.set("broadcast", broadcast);
  if (region !== undefined) url.searchParams.set("region", region);
  if (token !== undefined) url.searchParams.set("jwt", token);
  const response = await deps.fetch(url, {
    cache: "no-store",
    signal: AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
  });
  if (response.status === UNAUTHORIZED || response.status === FORBIDDEN) {
    throw new PlayerError("unauthorized", "the token does not allow this broadcast");
  }
  if (!response.ok)
    throw new PlayerError("unreachable", `${url.host} knows no edge: HTTP ${response.status}`);
  const sources = readEdges(await response.json());
  if (sources.length === 0) throw new PlayerError("unreachable", `${url.host} names no edge`);
  return sources;
}

/** What is not the URL of an edge is passed over: newer nodes may say more, broken ones less. */
function readEdges(answer: unknown): string[] {
  const edges = isObject(answer) && Array.isArray(answer.edges) ? answer.edges : [];
  const sources: string[] = [];
  for (const edge of edges.slice(0, MAX_EDGES)) {
    const url: unknown = isObject(edge) ? (edge.httpUrl ?? edge.url) : undefined;
    if (typeof url === "string" && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
      sources.push(url);
  }
  return sources;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
