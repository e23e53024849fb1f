import { encodeLegacyFrame } from "@canopy/media/container";
import { encodeFrame } from "@canopy/protocol";
import { MemoryClock } from "@canopy/transport/memory";
import type { PacedSender } from "../../packages/edge/src/downstream/whep/catch-up-pacer.ts";
import { RtpLeg } from "../../packages/edge/src/downstream/whep/rtp-leg.ts";
import { RtpTrack } from "../../packages/edge/src/downstream/whep/rtp-track.ts";
import { emptyLinkCounters, IDEAL_LINK, LinkModel } from "./link-model.ts";
import { RtpReception, type RtpReceptionStats } from "./rtp-reception.ts";

export interface WhepLossSimulation {
  /** In each direction, 0 to 1. */
  readonly lossRate: number;
  /** In each direction. */
  readonly delayMs: number;
  readonly seed: number;
  readonly minutes: number;
}

export interface WhepLossResult extends RtpReceptionStats {
  readonly plis: number;
  /** From the edge's send to the last packet of a whole frame, ms, ascending. */
  readonly agesMs: readonly number[];
  readonly sentAgain: number;
}

/** 1.4 Mbit/s at 30 fps with a keyframe every two seconds: 170 packets a second. */
const FRAME_MS = 1_000 / 30;
const GROUP_FRAMES = 60;
const KEYFRAME_BYTES = 35_000;
const DELTA_BYTES = 5_200;
/** As the viewer in the harness, and libwebrtc, look for what is missing. */
const TICK_MS = 20;
const REQUEST_BYTES = 60;
/** As the edge's pacer. */
const PACE_MS = 5;
/** Requests for a keyframe that come sooner after one that was answered are not (see `WhepViewer`). */
const RESTART_PAUSE_MS = 500;
const SSRC = 1_234;
/** Of frames under way; none takes so long. */
const KEPT_FRAMES = 300;
const START_CODE = [0, 0, 0, 1];
const PARAMETER_SETS = Buffer.from([...START_CODE, 0x67, 0x42, 0xe0, 0x1f, ...START_CODE, 0x68, 0xce, 0x3c]);

/**
 * One WHEP viewer behind a path that loses packets in both directions, on a clock of its own: the edge's own packets,
 * leg and retransmission, and the receiver of the test viewers. What comes out depends on the seed alone, whatever
 * else the machine does.
 */
export function simulateWhepLoss(options: WhepLossSimulation): WhepLossResult {
  const { lossRate, delayMs, seed, minutes } = options;
  const clock = new MemoryClock();
  const link = { ...IDEAL_LINK, lossRate, delayMs };
  const toViewer = new LinkModel(seed * 2, link, emptyLinkCounters());
  const toEdge = new LinkModel(seed * 2 + 1, link, emptyLinkCounters());
  const deliver = (path: LinkModel, bytes: number, arrive: () => void): void => {
    for (const dueMs of path.next(bytes, clock.nowMs())) clock.schedule(dueMs - clock.nowMs(), arrive);
  };

  const sentMs = new Map<number, number>();
  const agesMs: number[] = [];
  const reception = new RtpReception(
    { kind: "video", clockRate: 90_000 },
    { onFrame: (timestamp) => agesMs.push(clock.nowMs() - (sentMs.get(timestamp) ?? Number.NaN)) },
  );
  const behind = new Set<PacedSender>();
  const track = new RtpTrack(
    { kind: "video", name: "video", ssrc: SSRC, maxPayloadBytes: 1_188 },
    {
      nowUs: () => clock.nowUs(),
      onBadFrame: () => {
        throw new Error("a frame of the simulation could not be packetized");
      },
    },
  );
  const sendRtp = (packet: Uint8Array): boolean => {
    const copy = Buffer.from(packet);
    const timestamp = copy.readUInt32BE(4);
    if (!sentMs.has(timestamp)) sentMs.set(timestamp, clock.nowMs());
    if (sentMs.size > KEPT_FRAMES) sentMs.delete(sentMs.keys().next().value ?? -1);
    deliver(toViewer, copy.byteLength, () => reception.take(copy, clock.nowMs()));
    return true;
  };
  const leg = new RtpLeg(
    { payloadType: 102, extensionId: 3, joinAt: "group", firstSequence: 1 },
    {
      peer: { sendRtp },
      pacer: { add: (sender) => void behind.add(sender), remove: (sender) => void behind.delete(sender) },
      framesSent: new Float64Array(2),
      release: () => {},
    },
  );
  leg.follow(track);

  const every = (periodMs: number, run: (count: number) => void, count = 0): void => {
    run(count);
    clock.schedule(periodMs, () => every(periodMs, run, count + 1));
  };
  every(FRAME_MS, (count) => writeFrame(track, clock.nowUs(), count % GROUP_FRAMES === 0));
  every(PACE_MS, () => {
    for (const sender of behind) if (!sender.sendPortion()) behind.delete(sender);
  });
  let plis = 0;
  let restartedMs = Number.NEGATIVE_INFINITY;
  every(TICK_MS, () => {
    const missing = reception.nacks(clock.nowMs());
    if (missing.length > 0)
      deliver(toEdge, REQUEST_BYTES, () => {
        for (const sequence of missing) leg.retransmit(sequence);
      });
    if (!reception.wantsKeyframe(clock.nowMs())) return;
    plis += 1;
    deliver(toEdge, REQUEST_BYTES, () => {
      if (clock.nowMs() - restartedMs < RESTART_PAUSE_MS) return;
      restartedMs = clock.nowMs();
      leg.restart();
    });
  });
  clock.advance(minutes * 60_000);
  reception.finish(clock.nowMs());
  agesMs.sort((a, b) => a - b);
  return { ...reception.stats, plis, agesMs, sentAgain: leg.retransmitted };
}

function writeFrame(track: RtpTrack, timestampUs: number, isKeyframe: boolean): void {
  const slice = Buffer.alloc(isKeyframe ? KEYFRAME_BYTES : DELTA_BYTES, 0x55);
  slice[0] = isKeyframe ? 0x65 : 0x41;
  const payload = Buffer.concat([...(isKeyframe ? [PARAMETER_SETS] : []), Buffer.from(START_CODE), slice]);
  if (isKeyframe) track.onGroup();
  track.onFrame(encodeFrame(timestampUs, 0, encodeLegacyFrame(timestampUs, payload)));
}
