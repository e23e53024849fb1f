import { randomBytes } from "node:crypto";

/** Where a client's ICE check came from. */
export interface CheckOrigin {
  readonly host: string;
  readonly port: number;
}

/** ICE credentials of this side (RFC 8445 section 5.3). */
export interface IceCredentials {
  readonly ufrag: string;
  readonly password: string;
}

/** 48 and 144 bits, as letters of `ice-char` (RFC 8839 section 5.4); at least 24 and 128 are asked for. */
const UFRAG_BYTES = 6;
const PASSWORD_BYTES = 18;

export function createIceCredentials(): IceCredentials {
  return {
    ufrag: randomBytes(UFRAG_BYTES).toString("base64"),
    password: randomBytes(PASSWORD_BYTES).toString("base64"),
  };
}

/**
 * Peers whose ICE agent begins when the first check of their client arrives. Browsers hide their addresses, so that an
 * agent which began with the answer would have nobody to check, and learn the address from the client's check. It then
 * waits for 50 ms before its own, and anew with each further check, of which browsers send three in 100 ms: until
 * then the client's handshake messages are lost. An agent that is told the address as it begins checks at once.
 */
export class AwaitedChecks {
  /** Checks that nobody waited for, since the start. */
  strays = 0;
  readonly #waiting = new Map<string, (from: CheckOrigin) => void>();

  /** `onCheck` is called once. The result withdraws it. */
  add(ufrag: string, onCheck: (from: CheckOrigin) => void): () => void {
    this.#waiting.set(ufrag, onCheck);
    return () => void this.#waiting.delete(ufrag);
  }

  /**
   * A check came that belongs to no agent: of a peer that waits for it, of one that is gone, or of a stranger. Those
   * cost a look-up and a count, and leave nothing behind; a limit by address, which anybody can forge, would save no
   * more than the look-up, and could keep out who is waited for.
   */
  onCheck(ufrag: string, from: CheckOrigin): void {
    const onCheck = this.#waiting.get(ufrag);
    if (onCheck === undefined) {
      this.strays += 1;
      return;
    }
    this.#waiting.delete(ufrag);
    onCheck(from);
  }
}

/** A candidate for the address that a check came from (RFC 8839 section 5.1). */
export function checkedCandidate({ host, port }: CheckOrigin): string {
  // Section 5.1.2.1 of RFC 8445: type preference 126 for hosts, the only or best address, component 1.
  const priority = 126 * 2 ** 24 + 65_535 * 2 ** 8 + 255;
  return `candidate:1 1 UDP ${priority} ${host} ${port} typ host`;
}
