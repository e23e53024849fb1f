import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { ERROR_CODES } from "@canopy/protocol";
import type { Session, SessionClose } from "@canopy/transport";
import { type ConnectQuicOptions, connectQuic } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { devProcess } from "../harness/kill-node.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/healthy";
/** What an attack may add to the node's memory, MB: its caches and buffers fill once, then nothing grows. */
const MAX_GROWTH_MB = 120;
/** A viewer that is not disturbed gets the next frames of a 30 fps video within this time. */
const FLOW_DEADLINE_MS = 10_000;
const SILENT = { debug: () => {}, warn: () => {} };

let dev: CanopyDev;
let publisher: StartedProcess;
let healthy: MoqViewer;
let edgeUrl = "";
let port = 0;
let pid = 0;
let settledMb = 0;
const opened: Session[] = [];
/** Sessions that say too little, from the beginning on: it takes a while until the node has had enough of them. */
let silent: readonly Intruder[] = [];

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 1 });
  edgeUrl = dev.edges[0] ?? "";
  port = Number(new URL(edgeUrl).port);
  silent = [await intrude(), await intrude({ webtransportPath: "/" }), await intrudeWithSetup()];
  publisher = publishWithFfmpeg(makeClip({}), `${dev.rtmp}/${BROADCAST}`);
  await waitFor("the broadcast at the edge", async () => {
    return (await (await fetch(`${edgeUrl}/announced`)).text()).includes(BROADCAST);
  });
  healthy = await MoqViewer.connect({
    url: edgeUrl,
    broadcast: BROADCAST,
    tracks: ["catalog.json", "video", "audio"],
    // What a slow moment of the machine delays is still wanted: what is aborted then was disturbed.
    maxLatencyMs: FLOW_DEADLINE_MS,
  });
  await waitFor("the healthy viewer", () => healthy.view("video").frames > 60);
  pid = (await devProcess(dev, "edge-1")).pid ?? 0;
  settledMb = residentMb();
});

afterAll(async () => {
  for (const session of opened) session.close(0, "done");
  healthy?.close();
  await publisher?.stop();
  await dev?.stop();
});

function residentMb(): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

/** Media goes on to the healthy viewer in the same session, without a group lost, and the node stays small. */
async function expectUndisturbed(): Promise<void> {
  const video = healthy.view("video");
  const before = video.frames;
  await waitFor("frames at the healthy viewer", () => video.frames > before + 15, FLOW_DEADLINE_MS);
  expect(healthy.closed).toBeUndefined();
  expect(video.closed).toBe(false);
  expect(video.groupsAborted).toBe(0);
  // Each comes in a stream of its own: one may overtake another.
  const sequences = [...video.sequences].sort((a, b) => a - b);
  const first = Math.min(...sequences);
  expect(sequences).toEqual(sequences.map((_, index) => first + index));
  expect((await devProcess(dev, "edge-1")).restarts).toBe(0);
  expect(residentMb() - settledMb, "MB more than before").toBeLessThan(MAX_GROWTH_MB);
}

interface Intruder {
  readonly session: Session;
  readonly closed: Promise<SessionClose>;
  close: SessionClose | undefined;
}

/** A bare transport session without any protocol behind it. */
async function intrude(options: Partial<ConnectQuicOptions> = {}): Promise<Intruder> {
  const session = await connectQuic(
    { host: "127.0.0.1", port, alpn: ["moq-lite-05"], verify: { insecure: true }, ...options },
    { logger: SILENT },
  );
  opened.push(session);
  let resolve: (close: SessionClose) => void = () => {};
  const closed = new Promise<SessionClose>((done) => {
    resolve = done;
  });
  const intruder: Intruder = { session, closed, close: undefined };
  session.handler = {
    onUniStream: (stream) => {
      stream.receiver = { onData: () => {}, onReset: () => {} };
    },
    onBidiStream: (stream) => {
      stream.receiver = { onData: () => {}, onReset: () => {} };
    },
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: (close) => {
      intruder.close = close;
      resolve(close);
    },
  };
  return intruder;
}

/** A session that has been let in: SETUP without parameters. */
async function intrudeWithSetup(): Promise<Intruder> {
  const intruder = await intrude();
  sendUni(intruder.session, "010100", true);
  return intruder;
}

interface Told {
  stopped: number | undefined;
  reset: number | undefined;
}

function sendUni(session: Session, hex: string, fin = false): Told {
  const told: Told = { stopped: undefined, reset: undefined };
  const stream = session.openUni();
  if (stream === undefined) return told;
  stream.handler = {
    onDrain: () => {},
    onStop: (code) => {
      told.stopped = code;
    },
  };
  stream.write(Buffer.from(hex, "hex"));
  if (fin) stream.finish();
  return told;
}

function sendBidi(session: Session, hex: string): Told {
  const told: Told = { stopped: undefined, reset: undefined };
  const stream = session.openBidi();
  if (stream === undefined) return told;
  stream.handler = {
    onDrain: () => {},
    onStop: (code) => {
      told.stopped = code;
    },
  };
  stream.receiver = {
    onData: () => {},
    onReset: (code) => {
      told.reset = code;
    },
  };
  stream.write(Buffer.from(hex, "hex"));
  return told;
}

async function withSocket(use: (socket: Socket) => Promise<void>): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  try {
    await use(socket);
  } finally {
    socket.close();
  }
}

function sendPacket(socket: Socket, packet: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.send(packet, port, "127.0.0.1", () => resolve()));
}

/** What is wrong, and the error that the one who did it gets. */
const REFUSED: readonly (readonly [string, Partial<ConnectQuicOptions>, object])[] = [
  ["an ALPN that nobody speaks", { alpn: ["moq-lite-99"] }, { code: "protocol-mismatch" }],
  [
    "a subprotocol that nobody speaks",
    { alpn: ["moq-lite-99"], webtransportPath: "/" },
    { code: "session-rejected", status: 406 },
  ],
];

describe("a node facing sessions that break the rules", () => {
  it.each(REFUSED)("refuses %s with a clear error", async (_name, options, error) => {
    await expect(intrude(options)).rejects.toMatchObject(error);
    await expectUndisturbed();
  });

  it("resets only the stream of an unknown type", async () => {
    const { session } = await intrudeWithSetup();
    const uni = sendUni(session, "3f00");
    const bidi = sendBidi(session, "2000");
    await waitFor("both to be refused", () => uni.stopped !== undefined && bidi.reset !== undefined);
    expect(bidi.reset).toBe(ERROR_CODES.unexpectedStream);
    expect(uni.stopped).toBe(ERROR_CODES.unexpectedStream);
    expect(session.closed).toBe(false);
    // The session is as good as before: a subscription of a track that is not there is answered as such.
    const request = sendBidi(session, `02${subscribeBody("0001")}`);
    await waitFor("an answer", () => request.reset !== undefined);
    expect(request.reset).toBe(ERROR_CODES.notFound);
    await expectUndisturbed();
  });

  it("refuses messages over the limit from their length alone", async () => {
    const { session } = await intrudeWithSetup();
    const long = sendBidi(session, "0180010001");
    const huge = sendBidi(session, "02ffffffffffffffff");
    await waitFor("both to be refused", () => long.reset !== undefined && huge.reset !== undefined);
    expect([long.reset, huge.reset]).toEqual([ERROR_CODES.boundsExceeded, ERROR_CODES.boundsExceeded]);
    expect(session.closed).toBe(false);
    await expectUndisturbed();
  });

  it("closes the session for a SETUP that cannot be read, with the reason", async () => {
    const { session, closed } = await intrude();
    sendUni(session, "01020105", true);
    expect(await closed).toMatchObject({ code: ERROR_CODES.decode, remote: true });
    expect((await closed).reason).not.toBe("");
    await expectUndisturbed();
  });

  it("survives floods of streams, announce requests and subscriptions, and says what is too much", async () => {
    const { session } = await intrudeWithSetup();
    const announces: Told[] = [];
    const subscribes: Told[] = [];
    const streams: Told[] = [];
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 25; index++) {
        const id = (round * 25 + index).toString(16).padStart(4, "0");
        announces.push(sendBidi(session, "01020000"));
        // SUBSCRIBE <id> live/none/video
        subscribes.push(sendBidi(session, `02${subscribeBody(id)}`));
        streams.push(sendUni(session, "00"));
      }
      // Lets the flood reach the node instead of filling our own queue.
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (session.closed) break;
    }
    await waitFor(
      "some to be refused",
      () => session.closed || announces.some(({ reset }) => reset === ERROR_CODES.boundsExceeded),
    );
    await expectUndisturbed();
    session.close(0, "done");
  });

  it("passes over garbage on its port: noise, broken packets, unknown versions and connections", async () => {
    const random = seededRandom(4);
    const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random() * 256));
    await withSocket(async (socket) => {
      const answers: Buffer[] = [];
      socket.on("message", (answer) => answers.push(answer));
      for (let index = 0; index < 3_000; index++) {
        const packet = noise(1 + Math.floor(random() * 1_400));
        if (index % 3 === 0) packet[0] = 0xc0 | ((packet[0] ?? 0) & 0x3f);
        await sendPacket(socket, packet);
        if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      // A version that does not exist is answered with those that do (RFC 9000 §6.1).
      const unknown = noise(1_200);
      Buffer.from("c0babababa08", "hex").copy(unknown);
      unknown[14] = 8;
      answers.length = 0;
      await waitFor("a version negotiation", async () => {
        await sendPacket(socket, unknown);
        return answers.some((answer) => answer.readUInt32BE(1) === 0);
      });
      // Nobody can be made to send more than he got.
      expect(Math.max(...answers.map(({ length }) => length))).toBeLessThanOrEqual(1_200);
    });
    await expectUndisturbed();
  });

  it("passes over datagrams as large as UDP allows, in and outside of a session", async () => {
    await withSocket(async (socket) => {
      for (let index = 0; index < 50; index++) await sendPacket(socket, Buffer.alloc(65_000, index));
    });
    const { session } = await intrudeWithSetup();
    expect(session.sendDatagram(new Uint8Array(60_000))).toBe(false);
    for (let index = 0; index < 200; index++) session.sendDatagram(new Uint8Array(1_000).fill(index));
    await expectUndisturbed();
    expect(session.closed).toBe(false);
  });

  it("forgets handshakes that are never finished, and lets others in meanwhile", async () => {
    const first = await captureInitial();
    await withSocket(async (socket) => {
      for (let index = 0; index < 400; index++) {
        // Another connection each time: the first bytes of its connection ids differ.
        const packet = Buffer.from(first);
        packet.writeUInt16BE(index, 6);
        await sendPacket(socket, packet);
      }
    });
    for (let index = 0; index < 100; index++) {
      await withSocket((socket) => sendPacket(socket, first));
    }
    const { session } = await intrudeWithSetup();
    expect(session.closed).toBe(false);
    await expectUndisturbed();
  });

  it("closes a session that opens and says nothing, with the reason", async () => {
    const closes = await Promise.all(silent.map(({ closed }) => closed));
    for (const close of closes) expect(close).toMatchObject({ code: ERROR_CODES.timeout, remote: true });
    expect(closes.map(({ reason }) => reason)).toEqual([
      "no SETUP arrived in time",
      "nothing was asked for",
      "nothing was asked for",
    ]);
    await expectUndisturbed();
  });

  it("has forgotten all of them in the end", async () => {
    for (const session of opened) session.close(0, "done");
    await waitFor(
      "only the healthy sessions to be counted",
      async () => (await metric(edgeUrl, 'canopy_sessions{transport="webtransport"}')) === 1,
      40_000,
    );
    expect(await metric(edgeUrl, 'canopy_sessions{transport="quic"}')).toBe(0);
    await expectUndisturbed();
    console.info(`resident memory ${Math.round(settledMb)} MB before, ${Math.round(residentMb())} MB after`);
  });
});

/** SUBSCRIBE of `live/none`, `video` (lite-05 §SUBSCRIBE), with its length. */
function subscribeBody(id16: string): string {
  const varint = `8000${id16}`;
  const path = Buffer.from("live/none").toString("hex");
  const track = Buffer.from("video").toString("hex");
  const body = `${varint}09${path}05${track}3c00000000`;
  return (body.length / 2).toString(16).padStart(2, "0") + body;
}

/** The first packet of a client, as it goes over the wire. */
async function captureInitial(): Promise<Buffer> {
  let captured: Buffer | undefined;
  await withSocket(async (socket) => {
    socket.on("message", (packet) => {
      captured ??= packet;
    });
    const abort = new AbortController();
    const attempt = connectQuic(
      {
        host: "127.0.0.1",
        port: socket.address().port,
        alpn: ["moq-lite-05"],
        verify: { insecure: true },
      },
      { logger: SILENT, signal: abort.signal },
    );
    attempt.catch(() => {});
    await waitFor("a client's first packet", () => captured !== undefined);
    abort.abort();
    await expect(attempt).rejects.toThrow();
  });
  if (captured === undefined) throw new Error("no packet");
  return captured;
}
