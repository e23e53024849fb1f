import type {
  ErrorCode,
  OutgoingGroup,
  SubscribeOptions,
  SubscribeResponder,
  SubscribeResponderHandler,
  TrackInfo,
  WireFrame,
  WireGroupHandler,
} from "@canopy/protocol";

/** A peer in memory that records what it is sent and can be made slow. For tests. */
export class RecordingResponder implements SubscribeResponder {
  readonly broadcast = "live/demo";
  readonly track = "video";
  handler: SubscribeResponderHandler | undefined;
  readonly log: string[] = [];
  readonly groups: RecordingGroup[] = [];
  options: SubscribeOptions;
  /** Groups that may be opened before the stream limit is reached. */
  streamLimit = Number.POSITIVE_INFINITY;
  /** `writeFrame` returns false once a group has more unsent bytes; Infinity = a peer that takes everything. */
  highWaterBytes = Number.POSITIVE_INFINITY;

  constructor(options: Partial<SubscribeOptions> = {}) {
    this.options = {
      priority: 60,
      ordered: false,
      maxLatencyMs: 0,
      startGroup: undefined,
      endGroup: undefined,
      ...options,
    };
  }

  accept(info: TrackInfo): void {
    this.log.push(`accept ${info.priority}`);
  }

  reject(code: ErrorCode): void {
    this.log.push(`reject ${code}`);
  }

  openGroup(sequence: number, priority: number): OutgoingGroup | undefined {
    if (this.groups.length >= this.streamLimit) return undefined;
    const group = new RecordingGroup(this, sequence, priority);
    this.groups.push(group);
    this.log.push(`open ${sequence}`);
    return group;
  }

  drop(start: number, end: number, code: ErrorCode): void {
    this.log.push(`drop ${start}-${end} ${code}`);
  }

  sendDatagram(): boolean {
    return false;
  }

  end(lastGroup: number | undefined): void {
    this.log.push(`end ${lastGroup}`);
  }
}

export class RecordingGroup implements OutgoingGroup {
  handler: WireGroupHandler | undefined;
  readonly sequence: number;
  readonly timestamps: number[] = [];
  bufferedBytes = 0;
  priority: number;
  private readonly peer: RecordingResponder;

  constructor(peer: RecordingResponder, sequence: number, priority: number) {
    this.peer = peer;
    this.sequence = sequence;
    this.priority = priority;
  }

  writeFrame(frame: WireFrame): boolean {
    this.timestamps.push(frame.timestamp);
    if (this.peer.highWaterBytes === Number.POSITIVE_INFINITY) return true;
    this.bufferedBytes += frame.wire.byteLength;
    return this.bufferedBytes <= this.peer.highWaterBytes;
  }

  /** The network took everything. */
  drain(): void {
    this.bufferedBytes = 0;
    this.handler?.onDrain();
  }

  finish(): void {
    this.peer.log.push(`finish ${this.sequence}`);
  }

  abort(code: ErrorCode): void {
    this.bufferedBytes = 0;
    this.peer.log.push(`abort ${this.sequence} ${code}`);
  }

  setPriority(priority: number): void {
    this.priority = priority;
  }
}
