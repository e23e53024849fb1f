import { expect } from "vitest";
import type { ReceiveStream, SendStream, Session } from "../session.ts";
import { Collector, type Recorder } from "./recorder-suite.ts";

/** A connected pair of a provider, and how to wait for it. */
export interface CompliancePair {
  readonly client: Session;
  readonly server: Session;
  /** Resolves when `condition` holds; rejects after a generous deadline. */
  settle(condition: () => boolean): Promise<void>;
  close(): Promise<void> | void;
}

/** One end and what it is told. */
export interface ComplianceEnd {
  readonly session: Session;
  readonly recorder: Recorder;
}

/** A pair with the end that opens the streams, and the one that takes them. */
export class Direction {
  readonly pair: CompliancePair;
  readonly sender: Session;
  readonly senderRecorder: Recorder;
  readonly receiver: Recorder;
  readonly receiverSession: Session;

  constructor(pair: CompliancePair, from: ComplianceEnd, to: ComplianceEnd) {
    this.pair = pair;
    this.sender = from.session;
    this.senderRecorder = from.recorder;
    this.receiver = to.recorder;
    this.receiverSession = to.session;
  }

  /** Opens a unidirectional stream and waits until the other side has it. */
  async openUni(): Promise<{ send: SendStream; collected: Collector; receive: ReceiveStream }> {
    const collectors: Collector[] = [];
    this.receiver.accept = (stream) => collectors.push(new Collector(stream));
    const send = defined(this.sender.openUni());
    send.write(Uint8Array.of(1));
    await this.pair.settle(() => collectors.length === 1 && defined(collectors[0]).bytes === 1);
    return { send, collected: defined(collectors[0]), receive: defined(this.receiver.uni.at(-1)) };
  }
}

export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export function defined<T>(value: T | undefined): T {
  expect(value).toBeDefined();
  return value as T;
}

/** Position of the first difference, -1 if equal: `toEqual` takes seconds on megabytes. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) {
      return index;
    }
  }
  return -1;
}
