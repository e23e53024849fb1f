import { addressKey, type HttpServer, type Metrics, normalizeScopePath, ProblemError } from "@canopy/runtime";
import { parseFragment, parseOffer, type WebRtcEngine } from "@canopy/transport/webrtc";
import type { Admission, Admitted } from "../admission.ts";
import {
  type AuthorizableRequest,
  authorizePublishing,
  authorizeRequest,
  authorizeWatching,
  type RefusalCounter,
} from "../authorize-request.ts";
import type { NoRoom, SessionGate } from "../session-gate.ts";
import { type AnnouncedIceServer, iceServerLinks } from "./ice-server-links.ts";
import type { PreparePeer, WebRtcRole } from "./peer-request.ts";
import { busy, WEBRTC_PROBLEMS, webRtcProblem } from "./webrtc-problems.ts";
import { WebRtcSession } from "./webrtc-session.ts";

/** RFC 9725 sections 4.2 and 4.3. */
const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";
/** An offer of a browser with many codecs has about 10 kB. */
const BODY_LIMIT_BYTES = 64 * 1_024;
/** How often resources of peers that are gone are forgotten. */
const SWEEP_INTERVAL_MS = 1_000;
/** No broadcast's path has this segment, so that a session's URL cannot be one of a broadcast. */
const SESSION_SEGMENT = "~";

export interface WebRtcRoutesOptions {
  /** Also the first segment of the path and the metrics' label `transport`. */
  readonly role: WebRtcRole;
  readonly iceServers: readonly AnnouncedIceServer[];
  /** Connections of one address whose handshakes are not done; default: any number that the engine takes. */
  readonly maxHalfOpenPerAddress?: number | undefined;
}

export interface WebRtcRoutesDeps {
  readonly engine: WebRtcEngine;
  readonly admission: Admission;
  /** Counts these sessions together with those of the other transports, and ends them when their tokens expire. */
  readonly gate: SessionGate;
  readonly preparePeer: PreparePeer;
  readonly metrics: Metrics;
}

type App = HttpServer["app"];

interface SessionRoute {
  readonly Params: { readonly id: string };
}

type SessionRequest = AuthorizableRequest & { readonly params: SessionRoute["Params"] };

interface WildcardParams {
  readonly Params: { readonly "*": string };
}

/**
 * The HTTP side of WHIP (RFC 9725) or WHEP (draft-ietf-wish-whep): `POST /<role>/<broadcast>` makes a session,
 * `PATCH` and `DELETE` on its `Location` change and end it. Close it with the node.
 */
export class WebRtcRoutes {
  readonly #options: WebRtcRoutesOptions;
  readonly #deps: WebRtcRoutesDeps;
  readonly #sessions = new Map<string, WebRtcSession>();
  /** Offers that are being answered, which may take as long as a catalog from upstream. */
  readonly #answering = new Set<{ readonly addressKey: string }>();
  readonly #links: readonly string[];
  readonly #timer: NodeJS.Timeout;
  readonly #withdraw: readonly (() => void)[];

  private constructor(options: WebRtcRoutesOptions, deps: WebRtcRoutesDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#links = iceServerLinks(options.iceServers);
    const { engine, metrics } = deps;
    this.#withdraw = [
      metrics.read("canopy_sessions_rejected_total", "timeout", () => engine.handshakeTimeouts),
      metrics.read("canopy_webrtc_stray_checks_total", "", () => engine.strayChecks),
    ];
    this.#timer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  /** To be called before the server listens. */
  static async register(
    app: App,
    options: WebRtcRoutesOptions,
    deps: WebRtcRoutesDeps,
  ): Promise<WebRtcRoutes> {
    const routes = new WebRtcRoutes(options, deps);
    await app.register((scope, _options, done) => {
      routes.#register(scope as unknown as App);
      done();
    });
    return routes;
  }

  /** Sessions whose peer is not closed. */
  get size(): number {
    this.#sweep();
    return this.#sessions.size;
  }

  /** Ends all sessions. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const remove of this.#withdraw) remove();
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  #register(app: App): void {
    const { role } = this.#options;
    const deps = this.#deps;
    const endpoint = `/${role}/*`;
    const resource = `/${role}/${SESSION_SEGMENT}/:id`;
    // Any other type of body is answered 415 by Fastify.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser([SDP, FRAGMENT], { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES }, parseText);
    app.addHook("onSend", (request, reply, _payload, done) => {
      if (request.method === "OPTIONS") reply.header("accept-post", SDP);
      done();
    });
    const admitted = new WeakMap<object, Admitted>();
    app.post<WildcardParams & { Body: unknown }>(
      endpoint,
      {
        bodyLimit: BODY_LIMIT_BYTES,
        ...describe(role),
        // Nobody's body is read before he is known.
        onRequest: async (request) => {
          admitted.set(request, await this.#authorize(request, broadcastOf(request.params), deps.gate));
        },
      },
      async (request, reply) => {
        const who = admitted.get(request);
        if (who === undefined) throw new ProblemError(401, "Unauthorized");
        checkType(request.headers["content-type"], SDP);
        checkAccept(request.headers.accept);
        const { session, sdp } = await this.#open(request, who);
        return reply
          .status(201)
          .header("location", `/${role}/${SESSION_SEGMENT}/${session.id}${tokenOf(request.query)}`)
          .header("etag", session.etag)
          .header("accept-patch", FRAGMENT)
          .header("link", [...this.#links])
          .header("cache-control", "no-store")
          .type(SDP)
          .send(sdp);
      },
    );
    // RFC 9725 section 4.6: clients show their token in all requests. Nobody's body is read before he is known.
    const onRequest = (request: SessionRequest): Promise<void> => this.#authorizeSession(request);
    app.patch<SessionRoute & { Body: unknown }>(resource, { onRequest }, async (request, reply) => {
      checkType(request.headers["content-type"], FRAGMENT);
      const session = this.#find(request.params.id);
      this.#patch(session, textOf(request.body), request.headers["if-match"]);
      return reply.status(204).header("etag", session.etag).send();
    });
    app.delete<SessionRoute>(resource, { onRequest }, async (request, reply) => {
      const session = this.#find(request.params.id);
      session.close();
      this.#sessions.delete(session.id);
      return reply.status(200).send();
    });
    // RFC 9725 sections 4.2 and 4.3: every other method is reserved for later.
    const refused = (allow: string) => async (): Promise<never> => {
      throw new ProblemError(405, "Method Not Allowed", `Only ${allow} are answered here.`, {
        headers: { allow },
      });
    };
    const onEndpoint = refused("POST, OPTIONS");
    const onResource = refused("PATCH, DELETE, OPTIONS");
    app.route({ method: ["GET", "HEAD", "PUT", "PATCH", "DELETE"], url: endpoint, handler: onEndpoint });
    app.route({ method: ["GET", "HEAD", "PUT", "POST"], url: resource, handler: onResource });
    app.options(endpoint, (_request, reply) => void reply.status(204).send());
    app.options(resource, (_request, reply) => void reply.status(204).send());
  }

  #authorize(request: AuthorizableRequest, broadcast: string, refusals?: RefusalCounter): Promise<Admitted> {
    const authorize = this.#options.role === "whip" ? authorizePublishing : authorizeWatching;
    return authorize(request, this.#deps.admission, broadcast, refusals);
  }

  /** Whoever changes or ends a session could have begun it. What there is no session of is not told to strangers. */
  async #authorizeSession(request: SessionRequest): Promise<void> {
    const session = this.#sessions.get(request.params.id);
    if (session === undefined) await authorizeRequest(request, this.#deps.admission);
    else await this.#authorize(request, session.broadcast);
  }

  async #open(
    request: {
      readonly params: { readonly "*": string };
      readonly body: unknown;
      readonly ip: string;
    },
    who: Admitted,
  ): Promise<{ readonly session: WebRtcSession; readonly sdp: string }> {
    const { engine, gate, preparePeer } = this.#deps;
    const address = request.ip.includes(":") ? `[${request.ip}]:0` : `${request.ip}:0`;
    const full = gate.checkHandshake(address) ?? this.#checkHalfOpen(request.ip);
    if (full !== undefined) {
      if (full.status === 503) throw busy(full.message);
      throw new ProblemError(429, "Too Many Requests", `${full.message}.`, {
        headers: { "retry-after": "1" },
      });
    }
    const answering = { addressKey: addressKey(request.ip) };
    this.#answering.add(answering);
    try {
      const offer = parseOffer(textOf(request.body));
      const broadcast = broadcastOf(request.params);
      const prepared = await preparePeer({ broadcast, offer, admitted: who, remoteAddress: request.ip });
      try {
        const answer = await engine.answer(offer, prepared.plan, prepared.handler);
        const session = new WebRtcSession(this.#options.role, {
          ...answer,
          broadcast,
          remoteAddress: request.ip,
          remoteUfrag: offer.ice.ufrag,
          goaway: prepared.goaway && ((uri) => prepared.goaway?.(uri)),
        });
        this.#sessions.set(session.id, session);
        gate.admitChecked(session, address, who);
        prepared.attach(answer.peer);
        return { session, sdp: answer.sdp };
      } catch (error) {
        prepared.abandon();
        throw error;
      }
    } catch (error) {
      const problem = webRtcProblem(error);
      if (problem instanceof ProblemError) gate.countRefusal(refusalOf(problem));
      throw problem;
    } finally {
      this.#answering.delete(answering);
    }
  }

  /** One address must not hold all the handshakes that may be under way, and so keep everybody out. */
  #checkHalfOpen(remoteAddress: string): Pick<NoRoom, "status" | "message"> | undefined {
    const max = this.#options.maxHalfOpenPerAddress;
    if (max === undefined) return undefined;
    const key = addressKey(remoteAddress);
    let count = 0;
    for (const answering of this.#answering) if (answering.addressKey === key) count += 1;
    for (const session of this.#sessions.values()) {
      if (session.peer.state === "connecting" && addressKey(session.remoteAddress) === key) count += 1;
    }
    if (count < max) return undefined;
    this.#deps.gate.countRefusal("address-limit");
    return { status: 429, message: `${max} connections of this address have not finished their handshakes` };
  }

  #find(id: string): WebRtcSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.closed)
      throw new ProblemError(404, "Not Found", "This session has ended, or there never was one.");
    return session;
  }

  /** RFC 9725 section 4.3: trickled candidates carry the session's entity tag, an ICE restart carries `*`. */
  #patch(session: WebRtcSession, body: string, ifMatch: string | undefined): void {
    if (ifMatch === undefined)
      throw new ProblemError(428, "Precondition Required", "If-Match with the session's ETag is needed.");
    if (ifMatch !== "*" && ifMatch !== session.etag)
      throw new ProblemError(412, "Precondition Failed", "If-Match names another ICE session.");
    try {
      const fragment = parseFragment(body);
      // libdatachannel keeps one ICE generation for the life of a connection. The session goes on (section 4.3.3).
      if (fragment.ufrag !== undefined && fragment.ufrag !== session.remoteUfrag) {
        throw new ProblemError(
          422,
          "Unprocessable Content",
          "ICE restarts are not possible here; POST a new offer instead.",
          { type: WEBRTC_PROBLEMS.iceRestart },
        );
      }
      for (const candidate of fragment.candidates) session.peer.addRemoteCandidate(candidate);
    } catch (error) {
      throw webRtcProblem(error);
    }
  }

  #sweep(): void {
    for (const [id, session] of this.#sessions) if (session.closed) this.#sessions.delete(id);
  }
}

/** For API descriptions, where the node has one; the router needs a wildcard that the description has not. */
function describe(role: WebRtcRole): { readonly schema: object; readonly config: object } {
  const summary = role === "whip" ? "Publishes by WHIP (RFC 9725)" : "Plays by WHEP (draft-ietf-wish-whep)";
  return { schema: { summary, consumes: [SDP] }, config: { describedAs: `/${role}/{broadcast}` } };
}

/** A client that showed its token in the URL does nothing but follow the session's: so that has it, too. */
function tokenOf(query: unknown): string {
  const { jwt } = query as { readonly jwt?: unknown };
  return typeof jwt === "string" ? `?jwt=${encodeURIComponent(jwt)}` : "";
}

function refusalOf(problem: ProblemError): "limit" | "conflict" | "path" | "media" {
  if (problem.status === 503) return "limit";
  if (problem.status === 409) return "conflict";
  return problem.status === 404 ? "path" : "media";
}

function broadcastOf(params: { readonly "*": string }): string {
  return normalizeScopePath(params["*"]);
}

function parseText(
  _request: unknown,
  body: string | Buffer,
  done: (error: null, body: string) => void,
): void {
  done(null, body.toString());
}

function textOf(body: unknown): string {
  if (typeof body !== "string" || body === "")
    throw new ProblemError(400, "Bad Request", "The body is empty.");
  return body;
}

function checkType(type: string | undefined, wanted: string): void {
  if (type?.split(";")[0]?.trim().toLowerCase() !== wanted)
    throw new ProblemError(415, "Unsupported Media Type", `The body must be ${wanted}.`);
}

/** The answer is SDP: a client that takes only other types cannot use it (RFC 9110 section 12.5.1). */
function checkAccept(accept: string | undefined): void {
  if (accept === undefined || /(^|,)\s*(\*\/\*|application\/(\*|sdp))\s*(;|,|$)/i.test(accept)) return;
  throw new ProblemError(406, "Not Acceptable", `The answer is ${SDP}.`);
}
