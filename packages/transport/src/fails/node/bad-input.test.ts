import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectFailsWebSocket } from "../../browser/connect-fails-web-socket.ts";
import type { Session } from "../../session.ts";
import { settle } from "../../websocket/web-socket-suite.ts";
import type { FailsSession } from "../fails-session.ts";
import { load, openPair, openServer, PROTOCOLS, pretendBrowser, TrustingWebSocket } from "./fails-suite.ts";

const TOKEN = "webtransport_kDraft1_moq-lite-05";
/** Types of the mapping (draft-richter-webtransport-websocket): a piece of a stream, a datagram, a window. */
const STREAM = "990b4d3b";
const WINDOW = "990b4d3e";

let pretendNoBrowser: () => void;
let endpoint: Awaited<ReturnType<typeof openServer>>;
let peers: TrustingWebSocket[];

beforeAll(() => {
  pretendNoBrowser = pretendBrowser();
});

afterAll(() => pretendNoBrowser());

beforeEach(async () => {
  endpoint = await openServer();
  peers = [];
});

afterEach(async () => {
  for (const peer of peers) peer.terminate();
  await endpoint.close();
});

/** A peer that says what it likes, and the session that the server has of it. */
async function openPeer(): Promise<{ readonly peer: TrustingWebSocket; readonly session: Session }> {
  const before = endpoint.sessions.length;
  const peer = new TrustingWebSocket(endpoint.url, [TOKEN]);
  peers.push(peer);
  peer.on("error", () => {});
  await settle(() => endpoint.sessions.length > before);
  const session = endpoint.sessions[before];
  if (session === undefined) throw new Error("no session");
  session.handler = {
    onUniStream: (stream) => {
      stream.receiver = { onData: () => {}, onReset: () => {} };
    },
    onBidiStream: () => {},
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: () => {},
  };
  return { peer, session };
}

async function expectOthersServed(): Promise<void> {
  const { session } = await openPeer();
  expect(session.closed).toBe(false);
}

describe("a peer of WebTransport over WebSocket", () => {
  it("is refused in words by the gate, and where nothing that it offers is spoken", async () => {
    const refused = endpoint.url.replace("/live", "/no");
    await expect(connectFailsWebSocket(refused, { protocols: PROTOCOLS, load })).rejects.toMatchObject({
      code: "refused",
    });
    const stranger = new TrustingWebSocket(endpoint.url, ["webtransport_kDraft9"]);
    const status = await new Promise<number | undefined>((resolve) => {
      stranger.on("unexpected-response", (_request, response) => resolve(response.statusCode));
      stranger.on("error", () => {});
    });
    expect(status).toBe(400);
  });

  it.each([
    ["a text", "text"],
    ["more streams than allowed", `${STREAM}90002001`],
    ["a stream that the server never opened", `${STREAM}0200`],
  ])("with %s ends its own session", async (_what, hex) => {
    const { peer, session } = await openPeer();
    if (hex === "text") peer.send("text");
    else peer.send(Buffer.from(hex, "hex"));
    await settle(() => session.closed);
    await expectOthersServed();
  });

  it.each([
    ["nothing", ""],
    ["one byte", "99"],
    ["a type that is cut off", "990b"],
    ["an unknown type", "1e0102"],
    ["a piece of no stream", STREAM],
    ["a window of no stream", WINDOW],
    ["a window of a stream that is not there", `${WINDOW}4444ffffffffffffffff`],
    ["half a number", `${WINDOW}ff`],
  ])("with %s harms nobody", async (_what, hex) => {
    const { peer } = await openPeer();
    for (let count = 0; count < 20; count += 1) peer.send(Buffer.from(hex, "hex"));
    await expectOthersServed();
  });

  it("with noise harms nobody", async () => {
    let state = 7;
    const next = (): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    };
    for (let round = 0; round < 20; round += 1) {
      const { peer } = await openPeer();
      for (let count = 0; count < 50; count += 1) {
        const isFramed = next() % 2 === 0;
        const noise = Buffer.from(Array.from({ length: next() % 60 }, () => next() & 255));
        const type = Buffer.from([0x99, 0x0b, 0x4d, 0x38 + (next() % 13)]);
        peer.send(isFramed ? Buffer.concat([type, noise]) : noise);
      }
    }
    await expectOthersServed();
  });

  it("with a message larger than any window is cut off before it is kept", async () => {
    const { peer, session } = await openPeer();
    const status = new Promise((resolve) => peer.on("close", resolve));
    peer.send(Buffer.alloc(1_000_000));
    expect(await status).toBe(1_009);
    await settle(() => session.closed);
    await expectOthersServed();
  });

  it("that says nothing after the handshake has a session, which its silence ends", async () => {
    const short = await openServer({ idleTimeoutMs: 1_000, keepAliveMs: 100_000 });
    const peer = new TrustingWebSocket(short.url, [TOKEN]);
    peers.push(peer);
    await settle(() => short.sessions.length === 1 && short.sessions[0]?.closed === true);
    await short.close();
  });
});

describe("a session by the package", () => {
  it("keeps nothing of streams that are over", async () => {
    const { client, server, close } = await openPair();
    let ended = 0;
    server.handler = {
      onUniStream: (stream) => {
        stream.receiver = {
          onData: (_bytes, fin) => {
            ended += fin ? 1 : 0;
          },
          onReset: () => {
            ended += 1;
          },
        };
      },
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: () => {},
    };
    for (let count = 0; count < 2_000; count += 1) {
      let stream = client.openUni();
      while (stream === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        stream = client.openUni();
      }
      stream.write(Uint8Array.of(1, 2, 3));
      if (count % 3 === 0) stream.reset(4);
      else stream.finish();
    }
    await settle(() => ended === 2_000);
    for (const session of [client, server]) {
      const kept = (session as FailsSession).objint?.capsParser?.wtstreams;
      await settle(() => kept?.size === 0);
    }
    await close();
  });
});
