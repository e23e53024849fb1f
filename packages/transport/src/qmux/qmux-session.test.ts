import { describe, expect, test } from "vitest";
import type { SendStream, SessionHandler } from "../session.ts";
import type { MessageSocket } from "./message-socket.ts";
import { DEFAULT_QMUX_LIMITS } from "./qmux-limits.ts";
import { QmuxSession } from "./qmux-session.ts";
import { RecordWriter } from "./record-writer.ts";

const PICTURES = 60;
const SOUND = 80;

const HANDLER: SessionHandler = {
  onUniStream: () => {},
  onBidiStream: () => {},
  onDatagram: () => {},
  onStreamsAvailable: () => {},
  onClose: () => {},
};

/** Passes records on to the other end, whole, when told to. */
class PairedSocket implements MessageSocket {
  readonly headroomBytes = 0;
  readonly drainBytes = 0;
  readonly bufferedBytes = 0;
  readonly sent: Uint8Array[] = [];
  cork(): void {}
  uncork(): void {}
  send(pieces: readonly Uint8Array[]): void {
    this.sent.push(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
  }
  ping(): void {}
  close(): void {}
}

function openPair() {
  const scheduled: string[] = [];
  const sockets = { server: new PairedSocket(), client: new PairedSocket() };
  const open = (role: "server" | "client", isPatient: boolean): QmuxSession => {
    const session = new QmuxSession(
      {
        id: role === "server" ? 1 : 2,
        role,
        version: 2,
        protocol: "moq-lite-05",
        path: "/",
        remoteAddress: "127.0.0.1:1",
        limits: DEFAULT_QMUX_LIMITS,
      },
      {
        socket: sockets[role],
        writer: new RecordWriter(),
        nowMs: () => 0,
        scheduleFlush: () => {
          if (role === "server") scheduled.push("soon");
        },
        ...(isPatient && { schedulePatientFlush: () => scheduled.push("patient") }),
        onReady: () => {},
      },
    );
    session.handler = HANDLER;
    return session;
  };
  const server = open("server", true);
  const client = open("client", false);
  const exchange = (): void => {
    server.flush();
    client.flush();
    for (const record of sockets.server.sent.splice(0)) client.onMessage(record);
    for (const record of sockets.client.sent.splice(0)) server.onMessage(record);
  };
  exchange();
  /** How the session wants what is written to be flushed. */
  const write = (stream: SendStream, bytes: number, isLast = false): string | undefined => {
    scheduled.length = 0;
    stream.write(new Uint8Array(bytes));
    if (isLast) stream.finish();
    const wish = scheduled.at(-1);
    exchange();
    return wish;
  };
  const openStream = (priority: number): SendStream => {
    const stream = server.openUni(priority);
    if (stream === undefined) throw new Error("no stream");
    return stream;
  };
  return { write, openStream };
}

describe("QmuxSession", () => {
  test("lets sound wait for pictures, and nothing else", () => {
    const { write, openStream } = openPair();
    const sound = openStream(SOUND);
    expect(write(sound, 300)).toBe("soon");
    // There are no pictures that it could wait for.
    expect(write(sound, 300)).toBe("soon");
    const pictures = openStream(PICTURES);
    expect(write(pictures, 6_000)).toBe("soon");
    expect(write(sound, 300)).toBe("patient");
    expect(write(pictures, 200)).toBe("soon");
    // The newest group of pictures stands a step above the one before.
    const newest = openStream(PICTURES + 1);
    expect(write(newest, 20)).toBe("soon");
    expect(write(newest, 200)).toBe("soon");
    // A message, and the end of a group.
    expect(write(openStream(SOUND + 10), 200, true)).toBe("soon");
    expect(write(sound, 300, true)).toBe("soon");
  });
});
