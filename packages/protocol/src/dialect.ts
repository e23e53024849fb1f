import type { ByteReader } from "./codec/byte-reader.ts";
import type { ByteWriter } from "./codec/byte-writer.ts";
import type { MessageReader } from "./codec/message-reader.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { PeerSetup, SubscribeOptions, TrackInfo, Version } from "./session-interface.ts";

/** One message of a control stream. */
export interface MessageCodec<T> {
  /** Appends the length and the body. */
  write(writer: ByteWriter, message: T): void;
  /** Reads a body to its end. Throws ProtocolError. */
  read(body: ByteReader): T;
}

export interface AnnounceRequestMessage {
  readonly prefix: string;
  /** Hop id of the requester; 0 = none. Versions without it read 0. */
  readonly excludeHop: number;
}

export interface Announcement {
  readonly status: "ended" | "active" | "restarted";
  readonly suffix: string;
  /** Origin first. Versions that carry only a count read as many zeros (0 = unknown). */
  readonly hops: readonly number[];
}

export interface AnnounceOk {
  readonly hop: number;
  /** Announcements of the initial set, which follow. */
  readonly active: number;
}

export interface AnnounceCodec {
  readonly request: MessageCodec<AnnounceRequestMessage>;
  readonly announcement: MessageCodec<Announcement>;
  /** First reply of lite-05. */
  readonly ok: MessageCodec<AnnounceOk> | undefined;
  /** First reply of lite-02: the suffixes of the initial set. */
  readonly init: MessageCodec<readonly string[]> | undefined;
  /** True: the sender is the last id of the chain that it sends. False: the receiver adds it, from `ok`. */
  readonly senderInHops: boolean;
  /** What an announcement of a path that is active already means. */
  readonly repeated: "replaces" | "violation";
}

export interface SubscribeMessage {
  readonly id: number;
  readonly broadcast: string;
  readonly track: string;
  readonly options: SubscribeOptions;
}

export type SubscribeReply =
  | { readonly kind: "ok"; readonly info: TrackInfo }
  /** First group that will come. */
  | { readonly kind: "start"; readonly group: number }
  /** One past the last group; 0 = there were none. */
  | { readonly kind: "end"; readonly group: number }
  | { readonly kind: "drop"; readonly start: number; readonly end: number; readonly code: ErrorCode };

export interface SubscribeCodec {
  readonly request: MessageCodec<SubscribeMessage>;
  readonly update: MessageCodec<SubscribeOptions> | undefined;
  /** Appends the reply; one that the version does not have is left out. `options` are those of the request. */
  writeReply(writer: ByteWriter, reply: SubscribeReply, options: SubscribeOptions): void;
  /** Undefined: more bytes are needed. */
  readReply(input: MessageReader): SubscribeReply | undefined;
}

export interface TrackMessage {
  readonly broadcast: string;
  readonly track: string;
}

export interface TrackCodec {
  readonly request: MessageCodec<TrackMessage>;
  readonly info: MessageCodec<TrackInfo>;
}

export interface GroupHeader {
  readonly subscribeId: number;
  readonly sequence: number;
}

export interface GroupCodec {
  readonly header: MessageCodec<GroupHeader>;
  /** Frames start with a timestamp delta. */
  readonly timestamps: boolean;
}

export interface FetchMessage extends TrackMessage {
  readonly priority: number;
  readonly group: number;
}

export interface ProbeReport {
  readonly bitrateBps: number;
  readonly rttMs: number;
}

export interface DatagramMessage extends GroupHeader {
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** What the legacy SETUP agrees on. */
export interface LegacyClientSetup {
  readonly versions: readonly number[];
}

export interface LegacyServerSetup {
  readonly version: number;
}

/** How a session starts (moq-lite, SETUP). */
export type SetupCodec =
  | { readonly kind: "none" }
  | { readonly kind: "stream"; readonly message: MessageCodec<PeerSetup> }
  | {
      readonly kind: "legacy";
      /** Messages behind a two-byte length. */
      readonly client: MessageCodec<LegacyClientSetup>;
      readonly server: MessageCodec<LegacyServerSetup>;
      readonly versionNumber: number;
    };

/** Everything that differs between versions. A codec that is undefined means that the version lacks the feature. */
export interface Dialect {
  readonly version: Version;
  readonly setup: SetupCodec;
  readonly announce: AnnounceCodec;
  readonly subscribe: SubscribeCodec;
  readonly track: TrackCodec | undefined;
  readonly group: GroupCodec;
  readonly fetch: MessageCodec<FetchMessage> | undefined;
  readonly probe: MessageCodec<ProbeReport> | undefined;
  readonly goaway: MessageCodec<string> | undefined;
  readonly datagram: MessageCodec<DatagramMessage> | undefined;
}
