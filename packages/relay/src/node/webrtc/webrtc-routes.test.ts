import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  delay,
  ProblemError,
} from "@canopy/runtime";
import {
  openWebRtcEngine,
  type SdpOffer,
  type WebRtcEngine,
  type WebRtcLimits,
  type WebRtcPeer,
} from "@canopy/transport/webrtc";
import { PeerConnection, Video } from "node-datachannel";
import { afterEach, describe, expect, it } from "vitest";
import { type Admission, createAdmission } from "../admission.ts";
import { SessionGate } from "../session-gate.ts";
import type { PreparedPeer } from "./peer-request.ts";
import { WEBRTC_PROBLEMS } from "./webrtc-problems.ts";
import { WebRtcRoutes } from "./webrtc-routes.ts";

const SDP = { "content-type": "application/sdp" };
const FRAGMENT = { "content-type": "application/trickle-ice-sdpfrag" };
const closers: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function prepare(offer: SdpOffer, attach: (peer: WebRtcPeer) => void): PreparedPeer {
  return {
    plan: {
      dataChannels: false,
      media: offer.media
        .filter(({ kind }) => kind === "video")
        .map(({ mid, codecs }) => ({ mid, direction: "sendonly", codecs: codecs.slice(0, 1) })),
    },
    handler: { onStateChange() {}, onRtp() {}, onRtcp() {}, onDataChannel() {}, onClose() {} },
    attach,
    abandon() {},
  };
}

async function setUp(
  options: {
    readonly limits?: Partial<WebRtcLimits>;
    readonly maxSessions?: number;
    readonly anonymous?: boolean;
    readonly expiresAtMs?: number;
    readonly maxHalfOpenPerAddress?: number;
  } = {},
) {
  const logger = createSilentLogger();
  const clock = createClock();
  const metrics = createMetrics({ processMetrics: false });
  const open = createAdmission({ allowAnonymous: options.anonymous ?? true }, { clock, verifier: undefined });
  const { expiresAtMs } = options;
  const admission =
    expiresAtMs === undefined
      ? open
      : ({
          authorize: async (path: string) => ({ ...(await open.authorize(path)), expiresAtMs }),
        } as unknown as Admission);
  const gate = new SessionGate(
    { protocols: [], maxSessions: options.maxSessions ?? 10, maxSessionsPerAddress: 10 },
    { admission, clock, metrics, logger },
  );
  closers.push(() => gate.close());
  const engine: WebRtcEngine = await openWebRtcEngine(
    { host: "127.0.0.1", port: 0, ...(options.limits === undefined ? {} : { limits: options.limits }) },
    { logger },
  );
  closers.push(() => engine.close());
  const { app } = await createHttpServer({ host: "127.0.0.1", port: 0 }, { logger, metrics, clock });
  const peers: WebRtcPeer[] = [];
  const routes = await WebRtcRoutes.register(
    app,
    {
      role: "whep",
      maxHalfOpenPerAddress: options.maxHalfOpenPerAddress,
      iceServers: [
        { url: "stun:stun.example.net" },
        { url: "turn:turn.example.net?transport=udp", username: "u", credential: 'p"w' },
      ],
    },
    {
      engine,
      admission,
      gate,
      metrics,
      preparePeer: ({ broadcast, offer }) => {
        if (broadcast !== "live/demo") throw new ProblemError(404, "Not Found", "No such broadcast.");
        return prepare(offer, (peer) => peers.push(peer));
      },
    },
  );
  closers.push(
    () => routes.close(),
    () => app.close(),
  );
  return { app, routes, engine, gate, peers, metrics };
}

/** An offer of a client that is not ours. */
async function createOffer(): Promise<string> {
  const connection = new PeerConnection("client", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  closers.push(() => connection.close());
  const video = new Video("0", "RecvOnly");
  video.addH264Codec(102);
  connection.addTrack(video);
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.setLocalDescription("offer");
  await gathered;
  return connection.localDescription()?.sdp ?? "";
}

type App = Awaited<ReturnType<typeof setUp>>["app"];

async function post(
  app: App,
  payload: string,
  url = "/whep/live/demo",
  headers: Record<string, string> = SDP,
) {
  return await app.inject({ method: "POST", url, payload, headers });
}

describe("WebRtcRoutes", () => {
  it("answers an offer with a session, its location, its entity tag and the ICE servers", async () => {
    const { app, routes, peers } = await setUp();
    const response = await post(app, await createOffer());
    expect(response.statusCode).toBe(201);
    expect(response.headers["content-type"]).toContain("application/sdp");
    expect(response.headers.location).toMatch(/^\/whep\/~\/[\w-]{32}$/);
    expect(response.headers.etag).toMatch(/^"[A-Za-z0-9+/]{4,}"$/);
    expect(response.headers["accept-patch"]).toBe("application/trickle-ice-sdpfrag");
    expect(response.headers.link).toEqual([
      '<stun:stun.example.net>; rel="ice-server"',
      '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; credential="p\\"w"; credential-type="password"',
    ]);
    expect(response.body).toMatch(/a=setup:(active|passive)\r\n/);
    expect(peers).toHaveLength(1);
    expect(routes.size).toBe(1);
  });

  it("takes trickled candidates with the entity tag only", async () => {
    const { app } = await setUp();
    const offer = await createOffer();
    const created = await post(app, offer);
    const url = String(created.headers.location);
    const etag = String(created.headers.etag);
    const ufrag = /a=ice-ufrag:(.*)\r\n/.exec(offer)?.[1] ?? "";
    const payload = `a=ice-ufrag:${ufrag}\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n`;
    const patch = async (headers: Record<string, string>, body = payload) =>
      (await app.inject({ method: "PATCH", url, payload: body, headers })).statusCode;
    expect(await patch({ ...FRAGMENT, "if-match": etag })).toBe(204);
    expect(await patch(FRAGMENT)).toBe(428);
    expect(await patch({ ...FRAGMENT, "if-match": '"other"' })).toBe(412);
    expect(await patch({ ...SDP, "if-match": etag })).toBe(415);
    expect(await patch({ ...FRAGMENT, "if-match": etag }, "garbage")).toBe(400);
  });

  it("refuses an ICE restart with a problem of its own, and the session goes on", async () => {
    const { app, routes } = await setUp();
    const created = await post(app, await createOffer());
    const response = await app.inject({
      method: "PATCH",
      url: String(created.headers.location),
      payload: "a=ice-ufrag:newone\r\na=ice-pwd:0123456789012345678901\r\n",
      headers: { ...FRAGMENT, "if-match": "*" },
    });
    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({ type: WEBRTC_PROBLEMS.iceRestart });
    expect(routes.size).toBe(1);
  });

  it("names a session with the token that its client showed in the URL, and only then", async () => {
    const { app } = await setUp();
    const offer = await createOffer();
    const inQuery = await post(app, offer, "/whep/live/demo?jwt=a.b%2Bc");
    expect(inQuery.headers.location).toMatch(/^\/whep\/~\/[\w-]{32}\?jwt=a\.b%2Bc$/);
    const inHeader = await post(app, offer, "/whep/live/demo", { ...SDP, authorization: "Bearer a.b.c" });
    expect(inHeader.headers.location).toMatch(/^\/whep\/~\/[\w-]{32}$/);
  });

  it("lets one address have a part of the handshakes under way, and another its own", async () => {
    const { app, gate, metrics } = await setUp({ maxHalfOpenPerAddress: 2 });
    const from = async (remoteAddress: string) =>
      app.inject({ method: "POST", url: "/whep/live/demo", payload: offer, headers: SDP, remoteAddress });
    const offer = await createOffer();
    expect((await from("2001:db8::1")).statusCode).toBe(201);
    expect((await from("2001:db8::2")).statusCode).toBe(201);
    const third = await from("2001:db8::3");
    expect([third.statusCode, third.headers["retry-after"]]).toEqual([429, "1"]);
    expect((await from("192.0.2.1")).statusCode).toBe(201);
    expect(metrics.value("canopy_sessions_rejected_total", "address-limit")).toBe(1);
    expect(gate.size).toBe(3);
  });

  it("counts the offers that are still being answered", async () => {
    const { app } = await setUp({ maxHalfOpenPerAddress: 2 });
    const offer = await createOffer();
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(app, offer)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, 201, 429, 429, 429]);
  });

  it("ends a session on DELETE, once", async () => {
    const { app, peers, engine } = await setUp();
    const created = await post(app, await createOffer());
    const url = String(created.headers.location);
    expect((await app.inject({ method: "DELETE", url })).statusCode).toBe(200);
    expect(peers[0]?.state).toBe("closed");
    expect(engine.peerCount).toBe(0);
    expect((await app.inject({ method: "DELETE", url })).statusCode).toBe(404);
    expect((await app.inject({ method: "DELETE", url: "/whep/~/guessed" })).statusCode).toBe(404);
  });

  it.each([
    ["an unknown broadcast", "/whep/live/nothing", SDP, undefined, 404],
    ["another type of body", "/whep/live/demo", { "content-type": "application/json" }, undefined, 415],
    ["an answer that may not be SDP", "/whep/live/demo", { ...SDP, accept: "text/html" }, undefined, 406],
    ["a malformed offer", "/whep/live/demo", SDP, "v=0\r\nhello", 400],
    ["an empty offer", "/whep/live/demo", SDP, "", 400],
    ["a body that is too long", "/whep/live/demo", SDP, "v=0\r\n".repeat(20_000), 413],
    ["an offer of nothing that is sent here", "/whep/live/demo", SDP, "audio", 422],
  ])("refuses %s", async (_what, url, headers, payload, status) => {
    const { app, engine } = await setUp();
    const offer = await createOffer();
    const body = payload === "audio" ? offer.replace("m=video", "m=audio") : (payload ?? offer);
    const response = await post(app, body, url, headers);
    expect(response.statusCode).toBe(status);
    expect(response.headers["content-type"]).toContain("application/problem+json");
    expect(engine.peerCount).toBe(0);
  });

  it("asks for a token before it reads the body", async () => {
    const { app, metrics } = await setUp({ anonymous: false });
    const response = await post(app, "x");
    expect(response.statusCode).toBe(401);
    expect(response.headers["www-authenticate"]).toBe("Bearer");
    expect(await metrics.expose()).toMatch(/canopy_sessions_rejected_total\{reason="unauthorized"\} 1/);
  });

  it("says when to come back if there is no room", async () => {
    const { app } = await setUp({ limits: { maxHalfOpen: 1 } });
    const offer = await createOffer();
    expect((await post(app, offer)).statusCode).toBe(201);
    const response = await post(app, offer);
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("1");
    expect(response.json()).toMatchObject({ type: WEBRTC_PROBLEMS.busy });
  });

  it("shares the node's limit of sessions and its count", async () => {
    const { app, metrics, gate } = await setUp({ maxSessions: 1 });
    const offer = await createOffer();
    const created = await post(app, offer);
    expect((await post(app, offer)).statusCode).toBe(503);
    expect(await metrics.expose()).toMatch(/canopy_sessions\{transport="whep"\} 1/);
    await app.inject({ method: "DELETE", url: String(created.headers.location) });
    expect(gate.size).toBe(0);
    expect((await post(app, offer)).statusCode).toBe(201);
  });

  it("ends a session when its token expires", async () => {
    const expiresAtMs = Date.now() + 1_500;
    const { app, peers, routes } = await setUp({ expiresAtMs });
    expect((await post(app, await createOffer())).statusCode).toBe(201);
    expect(peers[0]?.state).toBe("connecting");
    const endsAt = performance.now() + 10_000;
    while (routes.size > 0 && performance.now() < endsAt) await delay(20);
    expect(peers[0]?.state).toBe("closed");
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs);
  });

  it("answers browsers and others what may be done", async () => {
    const { app } = await setUp();
    const preflight = await app.inject({
      method: "OPTIONS",
      url: "/whep/live/demo",
      headers: { origin: "https://example.net", "access-control-request-method": "POST" },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers["access-control-allow-methods"]).toContain("PATCH");
    const plain = await app.inject({ method: "OPTIONS", url: "/whep/live/demo" });
    expect(plain.statusCode).toBe(204);
    expect(plain.headers["accept-post"]).toBe("application/sdp");
    const response = await app.inject({ method: "GET", url: "/whep/live/demo" });
    expect([response.statusCode, response.headers.allow]).toEqual([405, "POST, OPTIONS"]);
    const created = await app.inject({
      method: "POST",
      url: "/whep/live/demo",
      payload: await createOffer(),
      headers: { ...SDP, origin: "https://example.net" },
    });
    expect(created.headers["access-control-expose-headers"]).toMatch(/Location.*Link.*ETag/);
    const put = await app.inject({
      method: "PUT",
      url: String(created.headers.location),
      payload: "",
      headers: SDP,
    });
    expect(put.statusCode).toBe(405);
  });
});
