/**
 * What a QUIC packet costs the sender: one process sends video-like frames (6,250 bytes, a stream per two seconds)
 * to many sessions in another process, and counts its CPU time per UDP packet, receiving acknowledgements included.
 * `npm run bench -- quic-send [sessions] [fps] [raw|webtransport] [flush interval ms | adaptive]`.
 */
import { fork } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SendStream, Session, SessionHandler } from "@canopy/transport";
import {
  connectQuic,
  createDevelopmentCertificate,
  listenQuic,
  type QuicCounters,
  QuicLoop,
} from "@canopy/transport/quic";
import { report } from "./report.ts";

const FRAME_BYTES = 6_250;
const GOP_FRAMES = 60;
const WARM_UP_MS = 2_000;
const MEASURED_MS = 8_000;
const HOST = "127.0.0.1";
const ALPN = ["moq-lite-05"];
const logger = { debug: () => {}, warn: () => {} };

const [sessionsText = "100", fpsText = "30", kind = "raw", flushText = "0"] = process.argv.slice(2);

async function send(): Promise<void> {
  const certificate = await createDevelopmentCertificate([HOST]);
  const viewers: Viewer[] = [];
  const loop = new QuicLoop(flushText === "adaptive" ? {} : { flush: Number(flushText) });
  const server = await listenQuic(
    { host: HOST, port: 0, tls: certificate, alpn: ["h3", ...ALPN] },
    {
      onRequest: (request) => ({ accept: true, protocol: request.protocols[0] ?? "" }),
      onSession: (session) => viewers.push(new Viewer(session)),
    },
    { logger, loop },
  );
  const env = { ...process.env, QUIC_SEND_PORT: String(server.address.port) };
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    env,
    execArgv: process.execArgv.filter((argument) => !argument.startsWith("--cpu-prof")),
  });
  const sessions = Number(sessionsText);
  while (viewers.length < sessions) await delay(20);
  const frame = new Uint8Array(FRAME_BYTES);
  const ticker = setInterval(() => {
    for (const viewer of viewers) viewer.send(frame);
  }, 1_000 / Number(fpsText));
  await delay(WARM_UP_MS);
  const before = { cpu: process.cpuUsage(), counters: totals(server.counters), atMs: performance.now() };
  const frames = viewers.reduce((sum, viewer) => sum + viewer.frames, 0);
  await delay(MEASURED_MS);
  const cpu = process.cpuUsage(before.cpu);
  const after = totals(server.counters);
  const seconds = (performance.now() - before.atMs) / 1_000;
  const sentFrames = viewers.reduce((sum, viewer) => sum + viewer.frames, 0) - frames;
  clearInterval(ticker);
  const cpuMicros = cpu.user + cpu.system;
  const sent = after.sent - before.counters.sent;
  const cpuShare = cpuMicros / 1e6 / seconds;
  report(
    "quic send",
    [
      {
        kind,
        sessions,
        "frames/s": sentFrames / seconds,
        "packets/s": sent / seconds,
        "bytes/packet": (after.bytes - before.counters.bytes) / sent,
        "received/s": (after.received - before.counters.received) / seconds,
        "cpu %": cpuShare * 100,
        "µs/packet": cpuMicros / sent,
        "viewers/core": (sessions / cpuShare) * (30 / Number(fpsText)),
        "flush ms": server.flushIntervalMs,
      },
    ],
    { frameBytes: FRAME_BYTES, gopFrames: GOP_FRAMES, measuredMs: MEASURED_MS },
  );
  child.kill();
  await server.close();
}

/** Sends frames as a relay does: a new stream per group, the former one finished. */
class Viewer implements SessionHandler {
  frames = 0;
  readonly #session: Session;
  #stream: SendStream | undefined;

  constructor(session: Session) {
    this.#session = session;
    session.handler = this;
  }

  send(frame: Uint8Array): void {
    if (this.frames % GOP_FRAMES === 0 || this.#stream === undefined) {
      this.#stream?.finish();
      this.#stream = this.#session.openUni(60);
    }
    this.#stream?.write(frame);
    this.frames += 1;
  }

  onUniStream(): void {}
  onBidiStream(): void {}
  onDatagram(): void {}
  onStreamsAvailable(): void {}
  onClose(): void {}
}

async function receive(port: number, sessions: number, transport: string): Promise<void> {
  const loop = new QuicLoop({ flush: 0 });
  const receiver = { onData: () => {}, onReset: () => {} };
  const webtransport = transport === "webtransport" ? { webtransportPath: "/" } : {};
  for (let opened = 0; opened < sessions; opened += 1) {
    const session = await connectQuic(
      { host: HOST, port, alpn: ALPN, verify: { insecure: true }, ...webtransport },
      { logger, loop },
    );
    session.handler = {
      onUniStream: (stream) => {
        stream.receiver = receiver;
      },
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: () => process.exit(0),
    };
  }
}

function totals(counters: QuicCounters): { sent: number; received: number; bytes: number } {
  return { sent: counters.packetsSent, received: counters.packetsReceived, bytes: counters.bytesSent };
}

if (process.env.QUIC_SEND_PORT === undefined) await send();
else await receive(Number(process.env.QUIC_SEND_PORT), Number(sessionsText), kind);
