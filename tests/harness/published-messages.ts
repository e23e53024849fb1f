import { writeFileSync } from "node:fs";
import { encodeTimedMessage, type Json, TIMED_SEI_UUID } from "@canopy/media/timed";
import type { PlayerStats } from "@canopy/player";
import { expect } from "vitest";
import type { BroadcastRecorder, RecordedFrame } from "./broadcast-recorder.ts";
import type { BrowserViewer, FiredMessage } from "./browser-viewer.ts";
import type { PostedMessage } from "./post-timed.ts";
import { traceUserData } from "./read-elementary-stream.ts";
import { timedCarriers } from "./timed-carriers.ts";

const UUID = Buffer.from(TIMED_SEI_UUID.replaceAll("-", ""), "hex");
/** A media time that went through an RTP timestamp is a tick of 1/90,000 s, half a tick early at most. */
const WHEP_ROUNDING_US = 18;

/** Messages, and the pictures of the broadcast meanwhile. */
export interface Published {
  readonly posted: readonly PostedMessage[];
  /** Of the video as it left the edge, in decoding order. */
  readonly video: readonly RecordedFrame[];
}

/** In the order in which they are due; the ids of the origin rise within one media time. */
export function inOrder(posted: readonly PostedMessage[]): PostedMessage[] {
  return [...posted].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

/** The frame of a message: the first one in presentation order that is not before its time. */
function frameTimeOf(at: number, timesUs: readonly number[]): number | undefined {
  return timesUs.find((time) => time >= at);
}

/** Media times of the pictures in presentation order. */
function presentationTimes(video: readonly RecordedFrame[]): number[] {
  return video.map((frame) => frame.timestampUs).sort((a, b) => a - b);
}

/** What a player has to say of messages. */
export interface Fired {
  readonly fired: readonly FiredMessage[];
  readonly stats: PlayerStats;
}

export async function readFired(viewer: BrowserViewer): Promise<Fired> {
  return { fired: await viewer.fired(), stats: await viewer.stats() };
}

/**
 * A player over WebTransport, WebSocket or WHEP fired each message once, in order, as it was posted, and with the very
 * picture that it belongs to on the screen. `numbers`: what another decoder found burnt into the pictures, in
 * presentation order.
 */
export function expectFired(
  { fired, stats }: Fired,
  { posted, video }: Published,
  numbers: readonly (number | undefined)[],
): void {
  // Not pictures that a busy machine left out, but those that were missing explain a message on another frame.
  const { transport, gaps, lostGroups, stalls, droppedFrames, presentedFrames } = stats;
  const trouble = JSON.stringify({ transport, gaps, lostGroups, stalls, droppedFrames, presentedFrames });
  const timesUs = presentationTimes(video);
  const roundingUs = transport === "whep" ? WHEP_ROUNDING_US : 0;
  const nearest = (timeUs: number): number =>
    timesUs.find((time) => Math.abs(time - timeUs) <= roundingUs) ?? timeUs;
  const seen = fired.map(({ id, type, at, data, mediaTimeUs }) => ({
    ...{ id, type, at, data },
    mediaTimeUs: nearest(mediaTimeUs),
  }));
  const wanted = inOrder(posted).map((message) => ({
    ...message,
    mediaTimeUs: frameTimeOf(message.at, timesUs),
  }));
  expect(
    seen.map(({ id }) => id),
    trouble,
  ).toEqual(wanted.map(({ id }) => id));
  expect(seen, trouble).toEqual(wanted);
  // What the canvas showed at the moment of the event against what another decoder finds in that very picture.
  const burntIn = new Map(timesUs.map((time, index) => [time, numbers[index]]));
  expect(
    fired.map(({ frame }) => frame),
    trouble,
  ).toEqual(wanted.map(({ mediaTimeUs = 0 }) => burntIn.get(mediaTimeUs)));
  expect(fired.every(({ frame }) => frame !== undefined)).toBe(true);
}

/** Every message is byte by byte in the SEI of its access units. Leaves the video in `file`, as Annex B. */
export async function expectInElementaryStream({ posted, video }: Published, file: string): Promise<void> {
  writeFileSync(file, Buffer.concat(video.map((frame) => frame.payload)));
  const traced = await traceUserData(file);
  expect(traced.units).toBe(video.length);
  const carried = new Map<string, number[]>();
  for (const { unit, bytes } of traced.messages) {
    if (!bytes.subarray(0, UUID.length).equals(UUID)) continue;
    const key = bytes.subarray(UUID.length).toString("hex");
    carried.set(key, [...(carried.get(key) ?? []), unit]);
  }
  const carriers = timedCarriers(
    posted,
    video.map(({ timestampUs }) => timestampUs),
  );
  const wanted = new Map([...carriers].map(([message, units]) => [hexOf(message), units]));
  expect(Object.fromEntries(carried)).toEqual(Object.fromEntries(wanted));
}

function hexOf({ id, type, at, data }: PostedMessage): string {
  return Buffer.from(encodeTimedMessage({ v: 1, id, type, at, data: data as Json })).toString("hex");
}

/** The recorded track `timed` holds just these messages, each in a group of its own. */
export function expectOnTrack(recorder: BroadcastRecorder, posted: readonly PostedMessage[]): void {
  const frames = recorder.frames("timed");
  const onTrack = frames.map((frame) => `${frame.timestampUs} ${Buffer.from(frame.payload).toString("hex")}`);
  const wanted = posted.map((message) => `${message.at} ${hexOf(message)}`);
  expect(onTrack.sort()).toEqual(wanted.sort());
  expect(new Set(frames.map(({ group }) => group)).size).toBe(frames.length);
}
