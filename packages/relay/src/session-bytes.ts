import type { Session, TransportKind } from "@canopy/transport";

interface Sum {
  sent: number;
  received: number;
}

/** Bytes of all sessions of a node by transport: what closed ones had, and what open ones have when asked. */
export class SessionBytes {
  private readonly open = new Set<Session>();
  private readonly former = new Map<TransportKind, Sum>();

  add(session: Session): void {
    this.open.add(session);
  }

  /** Idempotent. */
  remove(session: Session): void {
    if (!this.open.delete(session)) return;
    const sum = this.former.get(session.kind) ?? { sent: 0, received: 0 };
    const { sentBytes, receivedBytes } = session.stats();
    sum.sent += sentBytes;
    sum.received += receivedBytes;
    this.former.set(session.kind, sum);
  }

  sent(kind: TransportKind): number {
    let bytes = this.former.get(kind)?.sent ?? 0;
    for (const session of this.open) if (session.kind === kind) bytes += session.stats().sentBytes;
    return bytes;
  }

  received(kind: TransportKind): number {
    let bytes = this.former.get(kind)?.received ?? 0;
    for (const session of this.open) if (session.kind === kind) bytes += session.stats().receivedBytes;
    return bytes;
  }
}
