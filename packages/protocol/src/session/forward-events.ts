import type { WireSessionEvents } from "../wire-session.ts";
import type { MoqSession } from "./moq-session.ts";

/** A handler for the transport's session that passes everything on; `onClose` is called when `moq` knows of the end. */
export function forwardEvents<Close>(
  moq: MoqSession,
  onClose: (close: Close) => void = () => {},
): WireSessionEvents<Close> {
  return {
    onUniStream: (stream) => moq.onUniStream(stream),
    onBidiStream: (stream) => moq.onBidiStream(stream),
    onDatagram: (bytes) => moq.onDatagram(bytes),
    onStreamsAvailable: () => moq.onStreamsAvailable(),
    onClose: (close) => {
      moq.onTransportClosed();
      onClose(close);
    },
  };
}
