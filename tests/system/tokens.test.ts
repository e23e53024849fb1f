import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { Ajv2020 } from "ajv/dist/2020.js";
import { PeerConnection, Video } from "node-datachannel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuardedNodes } from "../harness/guarded-nodes.ts";
import { type Answer, answerOf, type Carrier, openMoq, publishRtmp, request } from "../harness/show-token.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import type { ForgedGrant } from "../harness/token-forge.ts";
import { waitFor } from "../harness/wait-for.ts";
import { createOffer } from "../harness/whip-publisher.ts";

const PATH = "live/room/demo";
const PUBLISHER: ForgedGrant = { root: "live/room", put: [""], get: [] };
const VIEWER: ForgedGrant = { root: "live/room", put: [], get: ["demo"] };
const BOTH: ForgedGrant = { root: "live/room", put: [""], get: [""] };
const OPERATOR: ForgedGrant = { root: "", put: [""], get: [""], role: "admin" };
const ELSEWHERE: ForgedGrant = { root: "live/rooms", put: [""], get: [""] };
const ROOM_ADMIN: ForgedGrant = { root: "live/room", put: [""], get: [""], role: "admin" };
const SDP = { "content-type": "application/sdp" };
const FRAGMENT = { "content-type": "application/trickle-ice-sdpfrag", "if-match": "*" };
const JSON_TYPE = { "content-type": "application/json" };

const RESTART = `a=ice-ufrag:abcd\r\na=ice-pwd:${"p".repeat(24)}\r\n`;

/** One way in. */
interface Entry {
  readonly name: string;
  /** What a good token for it grants. */
  readonly grant: ForgedGrant;
  readonly show: (token: string | undefined) => Promise<Answer>;
  /** What a good token is answered; default 200. */
  readonly good?: number;
  /** What a token for elsewhere is answered: refused, or all that it may see, which is nothing. Default 403. */
  readonly elsewhere?: 401 | "nothing";
  readonly elsewhereGrant?: ForgedGrant;
}

let nodes: GuardedNodes;
let broadcast: SyntheticBroadcast;
let entries: ReadonlyMap<string, Entry>;
const offers = { whip: "", whep: "" };
const ids = { recording: "", restream: "" };

async function offerOf(direction: "SendOnly" | "RecvOnly"): Promise<string> {
  const connection = new PeerConnection("client", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  const video = new Video("video", direction);
  video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  if (direction === "SendOnly") video.addSSRC(5, "publisher", "stream", "video");
  connection.addTrack(video);
  const offer = await createOffer(connection);
  connection.close();
  return offer;
}

/** Nobody finishes these sessions' handshakes: the engine gives them up after half a minute. */
const SESSION_AGE_MS = 5_000;
const sessions = new Map<string, { readonly url: string; readonly atMs: number }>();

/** URL of a WebRTC session that is there. */
async function webRtcSession(role: "whip" | "whep"): Promise<string> {
  const known = sessions.get(role);
  if (known !== undefined && performance.now() - known.atMs < SESSION_AGE_MS) return known.url;
  const node = role === "whip" ? nodes.origin : nodes.edge;
  const init = { method: "POST", headers: SDP, body: offers[role], asHeader: true };
  const response = await request(`${node.url}/${role}/${PATH}`, await nodes.forge.sign(BOTH), init);
  expect(response.status).toBe(201);
  const url = node.url + (response.headers.get("location") ?? "");
  sessions.set(role, { url, atMs: performance.now() });
  return url;
}

/** URL of a segment that is there: they are kept for half a minute. Undefined before the first. */
async function segmentUrl(): Promise<string | undefined> {
  const url = `${nodes.edge.url}/hls/${PATH}/~/video`;
  const playlist = await (await request(`${url}/index.m3u8`, await nodes.forge.sign(BOTH))).text();
  const name = [...playlist.matchAll(/\n([\w-]+\.m4s)\?/g)].at(-1)?.[1];
  return name && `${url}/${name}`;
}

/** Puts in place what the entries ask for. */
beforeAll(async () => {
  nodes = await GuardedNodes.start({ privateMetrics: true });
  const { origin, edge, forge } = nodes;
  broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH }).run();
  offers.whip = await offerOf("SendOnly");
  offers.whep = await offerOf("RecvOnly");
  const both = await forge.sign(BOTH);
  const create = async (what: string, body: object): Promise<string> => {
    const init = { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ broadcast: PATH, ...body }) };
    const response = await request(`${origin.url}/v1/${what}`, both, init);
    expect(response.status).toBe(201);
    return ((await response.json()) as { id: string }).id;
  };
  ids.recording = await create("recordings", {});
  ids.restream = await create("restreams", { target: "rtmp://127.0.0.1:1/live/secret-key" });
  await waitFor("a segment", segmentUrl);
  entries = new Map(listEntries().map((entry) => [entry.name, entry]));
});
afterAll(async () => {
  broadcast?.[Symbol.dispose]();
  await nodes?.[Symbol.asyncDispose]();
});

/** The name of every entry, without the nodes, which are not there yet when tests are listed. */
const NAMES: readonly string[] = [
  "RTMP publish",
  ...["origin", "edge"].flatMap((node) =>
    ["webtransport", "websocket", "quic"].map((carrier) => `MoQ ${carrier} at the ${node}`),
  ),
  ...["WHIP", "WHEP"].flatMap((role) => [`${role} POST`, `${role} PATCH`, `${role} DELETE`]),
  ...["GET broadcasts", "GET broadcast", "POST timed", "DELETE broadcast"],
  ...["POST restreams", "GET restreams", "GET restream", "DELETE restream"],
  ...["POST recordings", "GET recordings", "GET recording", "GET recording file", "DELETE recording"],
  ...["HLS multivariant playlist", "HLS media playlist", "HLS segment", "HTTP-FLV"],
  ...["origin", "edge"].flatMap((node) =>
    ["topology", "announced", "admission", "locate", "metrics", "drain"].map(
      (what) => `${what} at the ${node}`,
    ),
  ),
];

function listEntries(): readonly Entry[] {
  const { origin, edge } = nodes;
  const rtmpPort = origin.node.rtmp?.address.port ?? 0;
  const list: Entry[] = [];
  const http = (
    name: string,
    where: string | (() => Promise<string>),
    options: RequestInit &
      Pick<Entry, "grant" | "good" | "elsewhere" | "elsewhereGrant"> & { endless?: boolean },
  ): void => {
    const { grant, good, elsewhere, elsewhereGrant, endless, ...init } = options;
    const show = async (token: string | undefined): Promise<Answer> => {
      const url = typeof where === "string" ? where : await where();
      const inQuery = await answerOf(await request(url, token, init), endless);
      if (token === undefined || ![401, 403].includes(inQuery.status)) return inQuery;
      // A token is no better for standing in another place.
      const inHeader = await answerOf(await request(url, token, { ...init, asHeader: true }), endless);
      expect(inHeader).toEqual(inQuery);
      return inHeader;
    };
    list.push({ name, grant, show, good, elsewhere, elsewhereGrant } as Entry);
  };

  list.push({
    name: "RTMP publish",
    grant: PUBLISHER,
    elsewhere: 401,
    show: async (token) => {
      const answer = await publishRtmp(rtmpPort, PATH, token);
      answer.close();
      return answer;
    },
  });
  for (const [where, node] of [
    ["origin", origin],
    ["edge", edge],
  ] as const) {
    for (const carrier of ["webtransport", "websocket", "quic"] as const satisfies Carrier[]) {
      list.push({
        name: `MoQ ${carrier} at the ${where}`,
        grant: BOTH,
        ...(carrier === "quic" && { elsewhere: 401 }),
        show: async (token) => {
          const answer = await openMoq(nodes, node, { carrier, root: "live/room", token });
          answer.close();
          return answer;
        },
      });
    }
  }

  for (const [role, node, grant] of [
    ["whip", origin, PUBLISHER],
    ["whep", edge, VIEWER],
  ] as const) {
    const name = role.toUpperCase();
    const url = (): Promise<string> => webRtcSession(role);
    const path = role === "whip" ? `${PATH}-2` : PATH;
    http(`${name} POST`, `${node.url}/${role}/${path}`, {
      ...{
        method: "POST",
        headers: SDP,
        body: offers[role],
        grant: role === "whip" ? PUBLISHER : grant,
        good: 201,
      },
    });
    const patch = { method: "PATCH", headers: FRAGMENT, body: RESTART };
    // An ICE restart, which is understood and not done.
    http(`${name} PATCH`, url, { ...patch, grant, good: 422 });
    http(`${name} DELETE`, url, { method: "DELETE", grant });
  }

  const api = `${origin.url}/v1`;
  const post = (body: object) => ({ method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
  http("GET broadcasts", `${api}/broadcasts`, { grant: VIEWER, elsewhere: "nothing" });
  http("GET broadcast", `${api}/broadcasts/${PATH}`, { grant: VIEWER });
  http("POST timed", `${api}/broadcasts/${PATH}/timed`, {
    ...post({ type: "cue", data: 1 }),
    grant: PUBLISHER,
    good: 202,
  });
  http("DELETE broadcast", `${api}/broadcasts/${PATH}`, { method: "DELETE", grant: PUBLISHER, good: 204 });
  const target = "rtmp://127.0.0.1:1/live/x";
  http("POST restreams", `${api}/restreams`, {
    ...post({ broadcast: PATH, target }),
    grant: PUBLISHER,
    good: 201,
  });
  http("GET restreams", `${api}/restreams`, { grant: PUBLISHER, elsewhere: "nothing" });
  http("GET restream", `${api}/restreams/${ids.restream}`, { grant: PUBLISHER });
  http("DELETE restream", `${api}/restreams/${ids.restream}`, {
    method: "DELETE",
    grant: PUBLISHER,
    good: 204,
  });
  http("POST recordings", `${api}/recordings`, {
    ...post({ broadcast: `${PATH}-3` }),
    grant: PUBLISHER,
    good: 201,
  });
  http("GET recordings", `${api}/recordings`, { grant: VIEWER, elsewhere: "nothing" });
  http("GET recording", `${api}/recordings/${ids.recording}`, { grant: VIEWER });
  const file = `${origin.url}/recordings/${ids.recording}/index.m3u8`;
  // Nothing was published, so that there is no file yet: which is told to whoever may know.
  http("GET recording file", file, { grant: VIEWER, good: 404 });
  http("DELETE recording", `${api}/recordings/${ids.recording}`, {
    method: "DELETE",
    grant: PUBLISHER,
    good: 202,
  });

  http("HLS multivariant playlist", `${edge.url}/hls/${PATH}/index.m3u8`, { grant: VIEWER });
  http("HLS media playlist", `${edge.url}/hls/${PATH}/~/video/index.m3u8`, { grant: VIEWER });
  http("HLS segment", async () => (await segmentUrl()) ?? "", { grant: VIEWER });
  http("HTTP-FLV", `${edge.url}/flv/${PATH}.flv`, { grant: VIEWER, endless: true });
  for (const [where, node] of [
    ["origin", origin],
    ["edge", edge],
  ] as const) {
    const { url } = node;
    const operator = { grant: OPERATOR, elsewhereGrant: ROOM_ADMIN };
    http(`topology at the ${where}`, `${url}/v1/topology`, { grant: VIEWER, elsewhere: "nothing" });
    http(`announced at the ${where}`, `${url}/announced`, { grant: VIEWER, elsewhere: "nothing" });
    http(`locate at the ${where}`, `${url}/v1/locate?broadcast=${PATH}`, { grant: VIEWER, good: 503 });
    http(`metrics at the ${where}`, `${url}/metrics`, operator);
    http(`drain at the ${where}`, `${url}/v1/drain`, operator);
    list.push({
      name: `admission at the ${where}`,
      grant: VIEWER,
      good: 204,
      show: async (token) => {
        const path = `/live/room${token === undefined ? "" : `?jwt=${token}`}`;
        return answerOf(await fetch(`${url}/v1/admission?path=${encodeURIComponent(path)}`));
      },
    });
  }
  return list;
}

/** What a node answers whoever asks for a WebSocket; one that it opens is closed. */
function upgradeStatus(port: number, path: string, more: Readonly<Record<string, string>>): Promise<number> {
  const headers = {
    ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
    ...{ "sec-websocket-key": randomBytes(16).toString("base64") },
    ...{ "sec-websocket-protocol": "qmux-02.moq-lite-05", ...more },
  };
  return new Promise((resolve, reject) => {
    const asked = get({ host: "127.0.0.1", port, path, headers, agent: false });
    asked.on("error", reject);
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
}

function entry(name: string): Entry {
  const found = entries.get(name);
  if (found === undefined) throw new Error(`no entry is named ${name}`);
  return found;
}

/** What nobody must be told who was refused: of keys, of our code, of what there is here. */
const SECRETS = /2026-11|kid|jose|jws|\bat \w+ \(|node_modules|secret-key|ES256|publickey|-----BEGIN/i;

describe("entry points", () => {
  it("are all in this table", () => {
    expect([...entries.keys()].sort()).toEqual([...NAMES].sort());
  });

  it.each(NAMES)("%s refuses every bad token with a text that tells strangers nothing", async (name) => {
    const { show, grant, elsewhere = 403, elsewhereGrant = ELSEWHERE } = entry(name);
    for (const bad of await nodes.forge.forge(grant, elsewhereGrant)) {
      const { status, text } = await show(bad.token);
      const what = `${name}, a token that is ${bad.name}: ${text}`;
      if (bad.status === 403 && elsewhere === "nothing") {
        expect(status, what).toBe(200);
        expect(text, what).not.toContain("live/");
        continue;
      }
      // RTMP and raw QUIC have one way to say no.
      expect(status, what).toBe(elsewhere === 401 ? 401 : bad.status);
      expect(text, what).toMatch(bad.says);
      expect(text, what).not.toMatch(SECRETS);
      if (bad.token !== undefined) expect(text, what).not.toContain(bad.token.slice(-20));
    }
  });

  it("let a good token in, once each, and the same token no more when its time is over", async () => {
    const { forge } = nodes;
    // What ends something comes last.
    const order = [...NAMES].sort((a, b) => Number(a.includes("DELETE")) - Number(b.includes("DELETE")));
    const shown = new Map<string, string>();
    for (const name of order) {
      const { show, grant, good = 200 } = entry(name);
      if (name === "POST timed" || name === "GET broadcast" || name === "DELETE broadcast") continue;
      const token = await forge.sign(grant, 3_600);
      shown.set(name, token);
      const { status, text } = await show(token);
      expect(status, `${name}: ${text}`).toBe(good);
      if (/^WH.P DELETE$/.test(name)) sessions.clear();
    }
    // Made while their tokens are good, to be shown old ones.
    for (const role of ["whip", "whep"] as const) await webRtcSession(role);
    forge.aheadMs = 3_700_000;
    for (const [name, token] of shown) {
      const { status, text } = await entry(name).show(token);
      expect(status, `${name}: ${text}`).toBe(401);
      expect(text, name).toMatch(/the token has expired/);
    }
    forge.aheadMs = 0;
  });

  it("let a publisher's token end and talk into his broadcast, and a viewer's see it", async () => {
    const { origin, forge } = nodes;
    const publisher = await publishRtmp(
      origin.node.rtmp?.address.port ?? 0,
      PATH,
      await forge.sign(PUBLISHER),
    );
    expect(publisher.status, publisher.text).toBe(200);
    for (const name of ["POST timed", "GET broadcast", "DELETE broadcast"]) {
      const { show, grant, good = 200 } = entry(name);
      const { status, text } = await show(await forge.sign(grant));
      expect(status, `${name}: ${text}`).toBe(good);
    }
    await publisher.ended;
  });

  it("take the token of a session from its header as well", async () => {
    const { origin, edge, forge } = nodes;
    const token = await forge.sign(VIEWER);
    for (const { url, port } of [origin, edge]) {
      const asked = `${url}/v1/admission?path=%2Flive%2Froom`;
      expect((await request(asked, token, { asHeader: true })).status).toBe(204);
      expect(await upgradeStatus(port, "/live/room", { authorization: `Bearer ${token}` })).toBe(101);
      expect(await upgradeStatus(port, "/live/room", { authorization: "Bearer a.b.c" })).toBe(401);
      expect(await upgradeStatus(port, "/live/room", {})).toBe(401);
    }
  });

  it("count refusals by their reason", async () => {
    const { origin, edge } = nodes;
    for (const { metrics } of [origin, edge]) {
      for (const reason of ["unauthorized", "forbidden"]) {
        expect(metrics.value("canopy_sessions_rejected_total", reason), reason).toBeGreaterThan(0);
      }
    }
  });
});

describe("GET /v1/topology", () => {
  it("shows addresses to operators alone", async () => {
    const { edge, forge } = nodes;
    const token = await forge.sign(BOTH);
    const session = await openMoq(nodes, edge, { carrier: "quic", root: "live/room", token });
    const ask = async (grant: ForgedGrant) =>
      (await (await request(`${edge.url}/v1/topology`, await forge.sign(grant))).json()) as {
        children: unknown[];
        self: { name: string; role: string };
        broadcasts: { path: string }[];
      };
    const operator = await ask(OPERATOR);
    expect(operator.children).toHaveLength(1);
    expect(operator).toMatchObject({ self: { name: "edge", role: "edge" }, cluster: null });
    const viewer = await ask(VIEWER);
    expect(viewer.children).toEqual([]);
    expect(viewer.broadcasts.map(({ path }) => path)).toEqual([PATH]);
    expect(JSON.stringify(viewer)).not.toContain("127.0.0.1");
    session.close();
  });
});

/** What stands under the key `schema`, however deep: those of parameters, bodies and answers. */
function schemasIn(description: unknown): object[] {
  if (typeof description !== "object" || description === null) return [];
  return Object.entries(description).flatMap(([key, value]) =>
    key === "schema" ? [value as object] : schemasIn(value),
  );
}

describe("GET /v1/openapi.json", () => {
  it.each(["origin", "edge"] as const)("describes the %s's routes", async (where) => {
    const description = (await (await fetch(`${nodes[where].url}/v1/openapi.json`)).json()) as {
      openapi: string;
      info: { title: string };
      paths: Record<string, object>;
    };
    expect(description.openapi).toBe("3.1.0");
    expect(description.info.title).toBe(`Canopy ${where}`);
    const common = [
      "/livez",
      "/readyz",
      "/metrics",
      "/v1/time",
      "/v1/topology",
      "/v1/locate",
      "/v1/admission",
      "/v1/drain",
    ];
    const own =
      where === "edge"
        ? ["/whep/{broadcast}", "/hls/{broadcast}/index.m3u8", "/flv/{broadcast}.flv"]
        : ["/whip/{broadcast}", "/v1/broadcasts", "/v1/restreams", "/v1/recordings/{id}"];
    for (const path of [...common, ...own]) expect(Object.keys(description.paths)).toContain(path);
  });

  // Nodes do not look at them when they start.
  it.each(["origin", "edge"] as const)("has valid schemas alone: %s", async (where) => {
    const schemas = schemasIn(await (await fetch(`${nodes[where].url}/v1/openapi.json`)).json());
    expect(schemas.length).toBeGreaterThan(20);
    const ajv = new Ajv2020({ strict: false });
    for (const schema of schemas) {
      expect([ajv.validateSchema(schema), ajv.errors], JSON.stringify(schema)).toEqual([true, null]);
    }
  });
});
