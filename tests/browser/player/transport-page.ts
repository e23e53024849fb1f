import type { ReceiveStream, Session, SessionClose } from "@canopy/transport";
import { connectWebTransport } from "@canopy/transport/browser";

/** The page's end of a session, driven by the test. */
export class TransportPage {
  session: Session | undefined;
  readonly uni: { bytes: number; sum: number; fin: boolean; reset: number | undefined }[] = [];
  readonly streams: ReceiveStream[] = [];
  readonly stops: number[] = [];
  readonly datagrams: number[] = [];
  streamsAvailable = 0;
  drains = 0;
  close: SessionClose | undefined;

  async connect(url: string, hashHex: string): Promise<string> {
    const value = Uint8Array.from(hashHex.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
    const session = await connectWebTransport(url, {
      protocols: ["moq-lite-05", "moq-lite-04"],
      serverCertificateHashes: [{ algorithm: "sha-256", value }],
    });
    this.session = session;
    session.handler = {
      onUniStream: (stream) => this.#collect(stream),
      onBidiStream: (stream) => {
        // Echoes.
        stream.receiver = {
          onData: (bytes, fin) => {
            stream.write(bytes.slice());
            if (fin) stream.finish();
          },
          onReset: () => stream.reset(1),
        };
      },
      onDatagram: (bytes) => this.datagrams.push(bytes.byteLength),
      onStreamsAvailable: () => {
        this.streamsAvailable += 1;
      },
      onClose: (close) => {
        this.close = close;
      },
    };
    return session.protocol;
  }

  /** Opens a stream, writes a pattern of `bytes` in pieces and ends it by FIN or, with a code, by a reset. */
  send(bytes: number, resetCode?: number): boolean {
    const stream = this.session?.openUni();
    if (stream === undefined) return false;
    stream.handler = {
      onDrain: () => {
        this.drains += 1;
      },
      onStop: (code) => this.stops.push(code),
    };
    for (let at = 0; at < bytes; at += 1000) stream.write(new Uint8Array(Math.min(1000, bytes - at)).fill(1));
    if (resetCode === undefined) stream.finish();
    else if (resetCode >= 0) stream.reset(resetCode);
    return true;
  }

  async refused(url: string): Promise<string> {
    try {
      await connectWebTransport(url, { connectTimeoutMs: 5_000 });
      return "connected";
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  #collect(stream: ReceiveStream): void {
    const entry = { bytes: 0, sum: 0, fin: false, reset: undefined as number | undefined };
    this.uni.push(entry);
    this.streams.push(stream);
    stream.receiver = {
      onData: (bytes, fin) => {
        entry.bytes += bytes.byteLength;
        for (const byte of bytes) entry.sum += byte;
        entry.fin = fin;
      },
      onReset: (code) => {
        entry.reset = code;
      },
    };
  }
}

declare global {
  interface Window {
    transport: TransportPage;
  }
}
window.transport = new TransportPage();
