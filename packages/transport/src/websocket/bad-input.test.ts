import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Session, SessionClose } from "../session.ts";
import { openTestServer, settle, type TestServer } from "./web-socket-suite.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const PARAMETERS =
  "ff5153300d0a0d0a 1e 010480007530 040480100000 050480040000 060480040000 070480040000".replaceAll(" ", "");
const TOKEN = "qmux-01.moq-lite-05";
/** Generous: a busy machine must not fail a test. */
const ANSWER_TIMEOUT_MS = 15_000;

let server: TestServer;
let closes: SessionClose[];
let failures: unknown[];
let open: { readonly peer: WebSocket; readonly received: Buffer[]; status: number | undefined }[];

function watch(session: Session): void {
  session.handler = {
    onUniStream: (stream) => {
      stream.receiver = { onData: () => {}, onReset: () => {} };
    },
    onBidiStream: (stream) => {
      stream.receiver = { onData: () => {}, onReset: () => {} };
    },
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: (close) => closes.push(close),
  };
}

beforeEach(async () => {
  closes = [];
  failures = [];
  open = [];
  server = await openTestServer({
    onSession: watch,
    onHandlerError: (error) => failures.push(error),
    maxHandshakes: 50,
    handshakeTimeoutMs: 1_500,
    onRequest: ({ protocols }) =>
      protocols.length > 0 && !protocols.includes("moq-lite-05")
        ? { accept: false, status: 406, reason: "not spoken here" }
        : { accept: true, protocol: protocols[0] ?? "" },
  });
});

afterEach(async () => {
  for (const { peer } of open) peer.terminate();
  await server.close();
});

/** A peer that says what it likes. */
async function openPeer(token = TOKEN): Promise<(typeof open)[number]> {
  const peer = new WebSocket(server.url, token, { perMessageDeflate: false });
  const entry = { peer, received: [] as Buffer[], status: undefined as number | undefined };
  open.push(entry);
  peer.on("message", (data: Buffer) => entry.received.push(data));
  peer.on("close", (status) => {
    entry.status = status;
  });
  peer.on("error", () => {});
  await settle(() => peer.readyState === WebSocket.OPEN);
  return entry;
}

async function openSession(token = TOKEN): Promise<(typeof open)[number]> {
  const before = server.sessions.length;
  const entry = await openPeer(token);
  entry.peer.send(Buffer.from(PARAMETERS, "hex"));
  await settle(() => server.sessions.length > before);
  return entry;
}

/** What the server answers to a plain HTTP request with these headers; nothing if it takes too long. */
async function askRaw(headers: readonly string[]): Promise<string> {
  const socket: Socket = connect(server.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString();
  });
  socket.on("error", () => {});
  socket.write(["GET /live HTTP/1.1", "host: x", "connection: Upgrade", ...headers, "", ""].join("\r\n"));
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

const WEBSOCKET = ["upgrade: websocket", "sec-websocket-version: 13", `sec-websocket-key: ${KEY}`];

describe("an upgrade", () => {
  it("without a subprotocol of QMux is refused in words", async () => {
    for (const offer of [[], ["sec-websocket-protocol: chat, superchat"]]) {
      const answer = await askRaw([...WEBSOCKET, ...offer]);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain("application/problem+json");
      expect(answer).toContain("qmux-02.moq-lite-05");
    }
  });

  it("with protocols that are not spoken here is refused with the status of the gate", async () => {
    const answer = await askRaw([...WEBSOCKET, "sec-websocket-protocol: qmux-01.moqt-20"]);
    expect(answer).toMatch(/^HTTP\/1\.1 406 /);
    expect(answer).toContain("not spoken here");
  });

  it("to something else is refused", async () => {
    expect(await askRaw(["upgrade: h2c"])).toMatch(/^HTTP\/1\.1 426 /);
  });

  it("with a broken handshake is refused", async () => {
    const offer = `sec-websocket-protocol: ${TOKEN}`;
    expect(await askRaw(["upgrade: websocket", "sec-websocket-version: 13", offer])).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await askRaw([...WEBSOCKET.filter((line) => !line.includes("version")), offer])).toMatch(
      /^HTTP\/1\.1 4\d\d /,
    );
  });

  it("leaves the choice to SETUP when bare tokens are offered beside unknown ones", async () => {
    const session = await server.connect({ subprotocols: ["qmux-01.moqt-20", "qmux-01", "qmux-00"] });
    expect(session.protocol).toBe("");
  });

  it("that never says its first frame holds a place for its time only, and the places are bounded", async () => {
    const peers = await Promise.all(Array.from({ length: 50 }, () => openPeer()));
    expect(server.sockets.size).toBeGreaterThanOrEqual(50);
    const answer = await askRaw([...WEBSOCKET, `sec-websocket-protocol: ${TOKEN}`]);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    await settle(() => peers.every(({ status }) => status !== undefined));
    expect(server.sessions.length).toBe(0);
    await settle(() => server.sockets.size === 0);
    await openSession();
  });

  it("is taken for that of whom a trusted proxy names", async () => {
    const seen: string[] = [];
    const behind = await openTestServer({
      clientOf: (address, forwardedFor) => (address === "127.0.0.1" ? (forwardedFor ?? address) : "nobody"),
      onRequest: ({ remoteAddress }) => {
        seen.push(remoteAddress);
        return { accept: false, status: 403, reason: "not today" };
      },
    });
    for (const from of ["2001:db8::1", "192.0.2.1"]) {
      const peer = new WebSocket(behind.url, TOKEN, { headers: { "x-forwarded-for": from } });
      await new Promise<void>((resolve) => peer.on("error", () => resolve()));
    }
    expect(seen).toEqual([
      expect.stringMatching(/^\[2001:db8::1\]:\d+$/),
      expect.stringMatching(/^192\.0\.2\.1:\d+$/),
    ]);
    await behind.close();
  });

  it("cannot take all places for one address", async () => {
    const limited = await openTestServer({ maxHandshakes: 50, maxHandshakesPerAddress: 2 });
    const waiting = Array.from({ length: 2 }, () => new WebSocket(limited.url, TOKEN));
    for (const peer of waiting) peer.on("error", () => {});
    await settle(() => waiting.every((peer) => peer.readyState === WebSocket.OPEN));
    const third = new WebSocket(limited.url, TOKEN);
    const status = await new Promise<number | undefined>((resolve) => {
      third.on("error", () => {});
      third.on("unexpected-response", (_request, response) => resolve(response.statusCode));
      third.on("open", () => resolve(undefined));
    });
    expect(status).toBe(429);
    for (const peer of [...waiting, third]) peer.terminate();
    await limited.close();
  });

  it("of thousands at once is answered or refused, one by one", async () => {
    const answers = await Promise.all(
      Array.from({ length: 2_000 }, () => askRaw([...WEBSOCKET, "sec-websocket-protocol: nothing"])),
    );
    expect(answers.every((answer) => answer.startsWith("HTTP/1.1 400 "))).toBe(true);
    await openSession();
  });
});

describe("a message", () => {
  it.each([
    ["is too large", () => Buffer.alloc(70_000), 1_009, /max payload size/i],
    [
      "begins with something else than parameters",
      () => Buffer.from("0e00000101", "hex"),
      1_002,
      /parameters/,
    ],
    ["repeats a parameter", () => Buffer.from("ff5153300d0a0d0a06010101010101", "hex"), 1_002, /parameter/],
  ])("that %s ends the connection", async (_what, make, status) => {
    const entry = await openPeer();
    entry.peer.send(make());
    await settle(() => entry.status !== undefined);
    expect(entry.status).toBe(status);
    expect(server.sessions.length).toBe(0);
  });

  it.each([
    ["a text", "text", /text/],
    ["an unknown frame", "3f", /unknown/],
    ["a frame that is cut off", "0e00", /missing|cut/],
    ["a stream frame longer than its record", "0e0000407f01", /end of its record/],
    ["bytes out of order", "0e00050101", /out of order/],
    ["more streams than allowed", "0e90000002000101", /more streams/],
    ["a stream that the server never opened", "0e01000101", /never opened/],
    ["bytes on the server's own stream", "0e03000101", /only this side|never opened/],
    ["a stop for the peer's own stream", "050201", /only the peer/],
    ["bytes after the end", "0f0000010a0e00010101", /after the end/],
    ["a reset above the window", "0e000002aaaa040001bfffffff", /impossible size/],
  ])("with %s is a violation that the peer is told", async (_what, hex, reason) => {
    const entry = await openSession();
    if (hex === "text") entry.peer.send("text");
    else entry.peer.send(Buffer.from(hex, "hex"));
    await settle(() => closes.length === 1 && entry.status !== undefined);
    expect(closes[0]?.code).toBeUndefined();
    expect(closes[0]?.reason).toMatch(reason);
    expect(entry.status).toBe(1_002);
    expect(entry.received.at(-1)?.[0]).toBe(0x1c);
    expect(entry.received.at(-1)?.toString("latin1")).toMatch(reason);
  });

  it("that resets a stream at size 0, as older senders do, ends that stream only", async () => {
    const entry = await openSession();
    const resets: number[] = [];
    const [session] = server.sessions;
    if (session?.handler !== undefined) {
      session.handler = {
        ...session.handler,
        onUniStream: (stream) => {
          stream.receiver = { onData: () => {}, onReset: (code) => resets.push(code) };
        },
        onClose: (close) => closes.push(close),
      };
    }
    entry.peer.send(Buffer.from("0e020002aaaa04021800", "hex"));
    await settle(() => resets.length === 1);
    expect(resets).toEqual([24]);
    expect(closes).toEqual([]);
  });

  it.each(["as it comes", "in the flush, once it is taken"])(
    "that a handler fails on %s ends that session alone",
    async (when) => {
      await openSession();
      const entry = await openSession();
      const [other, session] = server.sessions;
      const error = new Error("broken");
      const onData = (): void => {
        throw error;
      };
      if (session?.handler !== undefined) {
        session.handler = {
          ...session.handler,
          onUniStream: (stream) => {
            stream.receiver = { onData, onReset: () => {} };
            if (when === "as it comes") return;
            stream.pause();
            setImmediate(() => stream.resume());
          },
        };
      }
      entry.peer.send(Buffer.from("0e020002aaaa", "hex"));
      await settle(() => closes.length === 1 && entry.status !== undefined);
      expect(failures).toEqual([error]);
      expect(closes[0]?.reason).toBe("internal error");
      expect(entry.status).toBe(1_011);
      expect(other?.closed).toBe(false);
    },
  );

  it("past the session's window is a violation", async () => {
    const entry = await openSession();
    const session = server.sessions[0];
    if (session?.handler !== undefined) session.handler = { ...session.handler, onUniStream: () => {} };
    const chunk = Buffer.alloc(60_000);
    for (let index = 0; index < 10; index += 1) {
      // Stream 2, 6, 10 …: each within its own window, all of them paused.
      entry.peer.send(
        Buffer.concat([
          Buffer.from([0x0a, 2 + 4 * index, 0x80, 0, chunk.length >> 8, chunk.length & 255]),
          chunk,
        ]),
      );
    }
    await settle(() => closes.length === 1);
    expect(closes[0]?.reason).toMatch(/window/);
  });

  it("of random bytes never ends the process", async () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 60; round += 1) {
      const entry = await openSession();
      for (let message = 0; message < 5; message += 1) {
        entry.peer.send(
          Buffer.from(Array.from({ length: 1 + Math.floor(random() * 200) }, () => random() * 256)),
        );
      }
      entry.peer.close();
      await settle(() => closes.length === round + 1);
    }
    await openSession();
  });

  it("with more than one frame is refused by qmux-00", async () => {
    const entry = await openSession("qmux-00.moq-lite-05");
    entry.peer.send(Buffer.from("0e000001010e00010101", "hex"));
    await settle(() => closes.length === 1);
    expect(closes[0]?.reason).toMatch(/more than one frame/);
  });
});

/** Frames of RFC 6455 that no client sends. */
describe("a WebSocket frame", () => {
  it.each([
    ["of an unknown opcode", "83800000000000"],
    ["that is not masked", "820100"],
    ["with reserved bits", "f2810000000000"],
    ["that claims to be huge", "82ff7fffffffffffffff00000000"],
  ])("%s ends the connection", async (_what, hex) => {
    const socket = connect(server.port, "127.0.0.1");
    let closed = false;
    socket.on("close", () => {
      closed = true;
    });
    socket.on("error", () => {});
    socket.write(
      [
        "GET /live HTTP/1.1",
        "host: x",
        "connection: Upgrade",
        ...WEBSOCKET,
        `sec-websocket-protocol: ${TOKEN}`,
        "",
        "",
      ].join("\r\n"),
    );
    await settle(() => server.sockets.size === 1);
    socket.resume();
    socket.write(Buffer.from(hex, "hex"));
    await settle(() => closed);
    await settle(() => server.sockets.size === 0);
  });
});

describe("a peer that reads nothing", () => {
  it("holds up what its windows and its socket allow, and no more", async () => {
    const client = await server.connect();
    client.handler = {
      onUniStream: (stream) => stream.pause(),
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: () => {},
    };
    await settle(() => server.sessions.length === 1);
    const [session] = server.sessions;
    const streams = Array.from({ length: 20 }, () => session?.openUni());
    for (const stream of streams) stream?.write(new Uint8Array(200_000));
    await settle(() => (session?.stats().sentBytes ?? 0) > 500_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The client's window of 512 KiB, and nothing beyond: the rest waits here and can be given up.
    expect(session?.stats().bufferedBytes).toBeGreaterThanOrEqual(4_000_000 - 512 * 1_024);
    for (const stream of streams) stream?.reset(2);
    expect(session?.stats().bufferedBytes).toBe(0);
    const [first] = streams;
    first?.write(new Uint8Array(33 * 1_024 * 1_024));
    session?.openUni()?.write(new Uint8Array(33 * 1_024 * 1_024));
    await settle(() => closes.length === 1);
    expect(closes[0]?.reason).toMatch(/too much/);
  });

  it("cannot make the server keep answers to its pings", async () => {
    const entry = await openSession();
    const socket = (entry.peer as unknown as { _socket: Socket })._socket;
    socket.pause();
    entry.peer.pause();
    const pings = Buffer.alloc(9 * 4_000);
    for (let index = 0; index < 4_000; index += 1) {
      Buffer.from("f48c67529ef8c7bd07", "hex").copy(pings, index * 9);
    }
    for (let round = 0; round < 3_000 && closes.length === 0; round += 1) {
      if (entry.peer.readyState === WebSocket.OPEN) entry.peer.send(pings);
      if (round % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await settle(() => closes.length === 1);
    expect(closes[0]?.reason).toMatch(/does not read/);
  });
});
