import {
  ERROR_CODES,
  type ErrorCode,
  type IncomingGroup,
  type IncomingGroupListener,
  type WireFrame,
} from "@canopy/protocol";
import type { Group } from "../store/group.ts";

/** What a receiving group tells its feed. */
export interface GroupReceiverOwner {
  onGroupOver(receiver: GroupReceiver): void;
  onConflict(): void;
}

/**
 * Moves the frames of one incoming group into the store. If the group is one that a previous source left unfinished,
 * the frames that are there already are compared and skipped: viewers get the rest on the stream they have, and no
 * frame twice.
 */
export class GroupReceiver implements IncomingGroupListener {
  private readonly incoming: IncomingGroup;
  private readonly group: Group;
  private readonly owner: GroupReceiverOwner;
  /** Frames of this group that the store had before. */
  private readonly known: number;
  private received = 0;
  private over = false;

  constructor(incoming: IncomingGroup, group: Group, owner: GroupReceiverOwner) {
    this.incoming = incoming;
    this.group = group;
    this.owner = owner;
    this.known = group.frames.length;
    incoming.listener = this;
  }

  onFrame(frame: WireFrame): void {
    if (this.over) return;
    const index = this.received;
    this.received += 1;
    if (index >= this.known) {
      if (!this.group.appendFrame(frame)) this.stop(ERROR_CODES.boundsExceeded);
      return;
    }
    const present = this.group.frames[index];
    if (present?.timestamp === frame.timestamp && present.wire.byteLength === frame.wire.byteLength) return;
    // Not the same group after all: what viewers have of it must not be continued with this.
    this.owner.onConflict();
    this.group.abort(ERROR_CODES.timestampMismatch);
    this.stop(ERROR_CODES.timestampMismatch);
  }

  onEnd(): void {
    if (this.over) return;
    this.group.finish();
    this.settle();
  }

  onAborted(code: ErrorCode): void {
    if (this.over) return;
    this.group.abort(code);
    this.settle();
  }

  /** The source does not need to send the rest. The group in the store stays as it is. Idempotent. */
  stop(code: ErrorCode): void {
    if (this.over) return;
    this.settle();
    this.incoming.stop(code);
  }

  private settle(): void {
    this.over = true;
    this.incoming.listener = undefined;
    this.owner.onGroupOver(this);
  }
}
