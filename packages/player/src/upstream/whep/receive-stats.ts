import { codecName, statsNumber as number, type StatsEntry } from "../../webrtc/stats-entry.ts";
import type { ElementStats, TrackKind } from "../upstream.ts";

export interface ReceiveFigures extends Omit<ElementStats, "targetLatencyMs"> {
  readonly rttMs: number;
  readonly receivedBytes: number;
  readonly lostPackets: number;
  /** How each kind was held since the last time; undefined while nothing of it came. */
  readonly held: Readonly<Record<TrackKind, Held | undefined>>;
}

export interface Held {
  /** ms, on average. */
  readonly bufferMs: number;
  /** For how long it would have been held without anybody's wish, ms; undefined if the browser does not tell. */
  readonly minimumMs: number | undefined;
}

interface Totals {
  readonly delayS: number;
  readonly minimumS: number | undefined;
  readonly emitted: number;
}

const NO_TOTALS: Totals = { delayS: 0, minimumS: 0, emitted: 0 };

/** Reads what this page shows and controls out of the browser's statistics. */
export class ReceiveStats {
  #figures: ReceiveFigures = EMPTY;
  readonly #totals: Record<TrackKind, Totals> = { video: NO_TOTALS, audio: NO_TOTALS };

  get figures(): ReceiveFigures {
    return this.#figures;
  }

  update(report: Iterable<StatsEntry>): ReceiveFigures {
    const entries = [...report];
    const inbound = entries.filter(({ type }) => type === "inbound-rtp");
    const video = inbound.find(({ kind }) => kind === "video");
    const audio = inbound.find(({ kind }) => kind === "audio");
    const codecOf = (entry: StatsEntry | undefined): StatsEntry | undefined =>
      entry && entries.find(({ id, type }) => type === "codec" && id === entry.codecId);
    const pair = entries.find(
      ({ type, nominated, state }) =>
        type === "candidate-pair" && nominated === true && state === "succeeded",
    );
    const held = { video: this.#heldOf("video", video), audio: this.#heldOf("audio", audio) };
    this.#figures = {
      rttMs: number(pair?.currentRoundTripTime) * 1000,
      receivedBytes: inbound.reduce((sum, entry) => sum + number(entry.bytesReceived), 0),
      lostPackets: inbound.reduce((sum, entry) => sum + Math.max(0, number(entry.packetsLost)), 0),
      jitterMs: number((video ?? audio)?.jitter) * 1000,
      bufferMs: (held.video ?? held.audio)?.bufferMs ?? this.#figures.bufferMs,
      held,
      decodedFrames: number(video?.framesDecoded),
      droppedFrames: number(video?.framesDropped),
      freezes: number(video?.freezeCount),
      audioPeak: number(audio?.audioLevel),
      audioUnderruns: number(audio?.concealmentEvents),
      videoCodec: codecName(codecOf(video)),
      audioCodec: codecName(codecOf(audio)),
    };
    return this.#figures;
  }

  #heldOf(kind: TrackKind, entry: StatsEntry | undefined): Held | undefined {
    const before = this.#totals[kind];
    const minimumS = entry?.jitterBufferMinimumDelay;
    const totals: Totals = {
      delayS: number(entry?.jitterBufferDelay),
      minimumS: typeof minimumS === "number" ? minimumS : undefined,
      emitted: number(entry?.jitterBufferEmittedCount),
    };
    this.#totals[kind] = totals;
    const emitted = totals.emitted - before.emitted;
    if (emitted <= 0) return undefined;
    const mean = (nowS: number, beforeS: number): number => ((nowS - beforeS) * 1000) / emitted;
    return {
      bufferMs: mean(totals.delayS, before.delayS),
      minimumMs: totals.minimumS === undefined ? undefined : mean(totals.minimumS, before.minimumS ?? 0),
    };
  }
}

const EMPTY: ReceiveFigures = {
  rttMs: 0,
  receivedBytes: 0,
  lostPackets: 0,
  jitterMs: 0,
  bufferMs: 0,
  held: { video: undefined, audio: undefined },
  decodedFrames: 0,
  droppedFrames: 0,
  freezes: 0,
  audioPeak: 0,
  audioUnderruns: 0,
  videoCodec: undefined,
  audioCodec: undefined,
};
