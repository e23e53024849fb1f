import type { BidiStream, SendStream, Session } from "@canopy/transport";

/** Everything that went over one stream, or one datagram. */
export interface RecordedStream {
  readonly opener: "client" | "server";
  readonly kind: "uni" | "bidi" | "datagram";
  readonly sent: { client: string; server: string };
  readonly end: { client?: "fin" | "reset"; server?: "fin" | "reset" };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Writes down what both ends of a session hand to the transport. Call it before the sessions are used. */
export class StreamRecorder {
  readonly streams: RecordedStream[] = [];
  readonly #bySide = new Map<number, RecordedStream>();

  tapSession(session: Session, side: "client" | "server"): void {
    const { openUni, openBidi, sendDatagram } = session;
    session.openUni = (priority) => {
      const stream = openUni.call(session, priority);
      if (stream !== undefined) {
        this.#tap(stream, side, side, "uni");
      }
      return stream;
    };
    session.openBidi = (priority) => {
      const stream = openBidi.call(session, priority);
      if (stream !== undefined) {
        this.#tap(stream, side, side, "bidi");
      }
      return stream;
    };
    session.sendDatagram = (bytes) => {
      const sent = { client: "", server: "", [side]: toHex(bytes) };
      this.streams.push({ opener: side, kind: "datagram", sent, end: {} });
      return sendDatagram.call(session, bytes);
    };
  }

  /** The other half of a bidirectional stream that the peer of `side` opened. */
  tapAccepted(stream: BidiStream, side: "client" | "server"): void {
    this.#tap(stream, side, side === "client" ? "server" : "client", "bidi");
  }

  #tap(
    stream: SendStream,
    side: "client" | "server",
    opener: "client" | "server",
    kind: "uni" | "bidi",
  ): void {
    let record = this.#bySide.get(stream.id);
    if (record === undefined) {
      record = { opener, kind, sent: { client: "", server: "" }, end: {} };
      this.#bySide.set(stream.id, record);
      this.streams.push(record);
    }
    const { sent, end } = record;
    const { write, finish, reset } = stream;
    stream.write = (bytes) => {
      sent[side] += toHex(bytes);
      return write.call(stream, bytes);
    };
    stream.finish = () => {
      end[side] ??= "fin";
      finish.call(stream);
    };
    stream.reset = (code) => {
      end[side] ??= "reset";
      reset.call(stream, code);
    };
  }
}
