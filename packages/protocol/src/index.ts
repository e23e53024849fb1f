/**
 * The MoQ wire (moq-lite 05, 04, 03, and 02 behind the legacy SETUP), without I/O: bytes and time come in as
 * arguments, frames and requests go out as calls.
 *
 * The way of a frame through a relay:
 *
 *     transport stream ─▶ MoqSession.onUniStream ─▶ IncomingUniStream (type, group header)
 *       ─▶ IncomingGroupStream ─▶ FrameReader (one allocation and one copy) ─▶ WireFrame
 *       ─▶ the store keeps it ─▶ OutgoingGroup.writeFrame of every subscriber (no copy) ─▶ transport stream
 *
 * Folders, from the bytes up:
 * - `codec/`: varints, cursors over one message, `MessageReader` for control streams, `FrameReader` for groups
 * - `lite-05/` to `lite-02/`: what the messages of a version look like, one file per family with the same names in
 *   each folder; a version takes from the newer one what is the same. `dialect.ts` is the interface they fill.
 * - `session/`: one state machine per kind of stream and side, and `MoqSession`, which puts them together. They know
 *   versions only through `Dialect`.
 * - `publish/`: serving tracks of our own to the subscribers of a session.
 *
 * Start reading at `session/moq-session.ts` and `session-interface.ts`; a new version starts at `dialect.ts`.
 * Malformed input throws `ProtocolError` inside the package: it costs the peer the stream, or the session where the
 * protocol says so, and is never thrown at the owner of a session.
 */
export * from "./choose-dialect.ts";
export * from "./codec/byte-reader.ts";
export * from "./codec/byte-writer.ts";
export * from "./codec/encode-frame.ts";
export * from "./codec/frame-reader.ts";
export * from "./codec/message-reader.ts";
export * from "./codec/varint.ts";
export type * from "./dialect.ts";
export * from "./error-codes.ts";
export * from "./limits.ts";
export * from "./path.ts";
export * from "./protocol-error.ts";
export { ServedBroadcast } from "./publish/served-broadcast.ts";
export { ServedTrack } from "./publish/served-track.ts";
export { forwardEvents } from "./session/forward-events.ts";
export * from "./session/moq-session.ts";
export type { SessionCounters } from "./session/session-counters.ts";
export type * from "./session-interface.ts";
export type * from "./wire-frame.ts";
export type * from "./wire-session.ts";
