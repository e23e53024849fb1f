/**
 * What a registry can do in one atomic step, whatever holds it. Records are text that nobody has checked: the client
 * checks them. Every call rejects with `RuntimeError` `registry-away` when there is no answer within its deadline.
 */

export interface Heartbeat {
  readonly id: number;
  /** Made anew by every process: two that have one id are told apart by it. */
  readonly instance: string;
  /** The record as JSON. */
  readonly record: string;
  /** Tell those who listen, because more than the load has changed. */
  readonly announce: boolean;
}

/** `joined`: the registry did not know the node, as after a long silence. `duplicate`: another process has the id. */
export type HeartbeatAnswer = "kept" | "joined" | "duplicate";

export interface ClaimRequest {
  readonly path: string;
  readonly nodeId: number;
  readonly instance: string;
  readonly takeOver: boolean;
  readonly live: boolean;
  /** Epoch of a claim that was granted once and is put back where it got lost; 0 = a new claim. */
  readonly epoch: number;
  readonly startedAtMs: number;
}

export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly epoch: number }
  /** `silentMs`: since the owner's last heartbeat, by the registry's clock. */
  | { readonly kind: "held"; readonly by: number; readonly silentMs: number }
  /** The registry does not know the node that asks: it has to send a heartbeat first. */
  | { readonly kind: "unregistered" };

export interface ClaimChange {
  readonly path: string;
  readonly nodeId: number;
  readonly epoch: number;
}

export interface RegistrySnapshot {
  /** Changes whenever a broadcast does. */
  readonly version: number;
  readonly nodes: readonly {
    readonly id: string;
    /** Since the last heartbeat, by the registry's clock. */
    readonly ageMs: number;
    /** Undefined: longer than a record may be. */
    readonly record: string | undefined;
  }[];
  /** Undefined: nothing has changed since the version that was asked with. */
  readonly broadcasts: readonly { readonly path: string; readonly record: string | undefined }[] | undefined;
}

/** One message to all who listen. */
export type RegistryChange =
  | { readonly kind: "node"; readonly id: string; readonly record: string }
  /** `silent`: the registry has forgotten the node because it heard nothing of it. */
  | { readonly kind: "left"; readonly id: string; readonly silent: boolean }
  | { readonly kind: "claimed"; readonly version: number; readonly path: string; readonly record: string }
  | { readonly kind: "released"; readonly version: number; readonly path: string };

export interface RegistryListener {
  onChange(change: RegistryChange): void;
  onGap(): void;
  onBadChange(): void;
}

export interface RegistryBackend {
  beat(heartbeat: Heartbeat): Promise<HeartbeatAnswer>;
  leave(id: number, instance: string): Promise<void>;
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Does nothing if the path is not, or no longer, owned with this epoch. */
  setLive(change: ClaimChange, live: boolean): Promise<void>;
  release(change: ClaimChange): Promise<void>;
  /** `knownVersion` 0 = give all broadcasts. */
  read(knownVersion: number): Promise<RegistrySnapshot>;
  /**
   * Set once, before the first call. `onGap`: the registry can be reached anew, changes may have been missed.
   * `onBadChange`: a message that is none of ours.
   */
  listen(listener: RegistryListener): void;
  close(): Promise<void>;
}

/** When the registry takes silence for absence, by its own clock. All clients of one registry use the same. */
export interface RegistryTimes {
  /** A node that has not been heard of for so long is forgotten with its broadcasts. */
  readonly expiryMs: number;
  /** A path whose owner has not been heard of for so long can be claimed by another. */
  readonly ownerSilenceMs: number;
}

export const DEFAULT_REGISTRY_TIMES: RegistryTimes = { expiryMs: 5_000, ownerSilenceMs: 1_500 };

/** Longest record of a node, bytes: six times what one takes. */
export const MAX_NODE_RECORD_BYTES = 4_096;
export const MAX_PATH_BYTES = 1_024;
/** Most nodes and broadcasts that a reader takes in: 16 MB and about 10 MB of text at worst. */
export const MAX_NODES = 4_096;
export const MAX_BROADCASTS = 50_000;
