import { codecName, statsNumber as number, type StatsEntry } from "../../webrtc/stats-entry.ts";
import type { ElementStats } from "../upstream.ts";

export interface ReceiveFigures extends Omit<ElementStats, "targetLatencyMs"> {
  readonly rttMs: number;
  readonly receivedBytes: number;
  readonly lostPackets: number;
  /** Least time that frames would have been held, ms; undefined if the browser does not tell. */
  readonly minimumBufferMs: number | undefined;
  readonly hasVideo: boolean;
}

interface Totals {
  readonly delayS: number;
  readonly minimumS: number | undefined;
  readonly emitted: number;
}

/** Reads what this page shows and controls out of the browser's statistics. */
export class ReceiveStats {
  #figures: ReceiveFigures = EMPTY;
  #totals: Totals | undefined;

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
    // Sound alone is held by its own buffer.
    const held = video !== undefined && number(video.framesDecoded) > 0 ? video : audio;
    const buffer = this.#bufferOf(held);
    this.#figures = {
      rttMs: number(pair?.currentRoundTripTime) * 1000,
      receivedBytes: inbound.reduce((sum, entry) => sum + number(entry.bytesReceived), 0),
      lostPackets: inbound.reduce((sum, entry) => sum + Math.max(0, number(entry.packetsLost)), 0),
      jitterMs: number((video ?? audio)?.jitter) * 1000,
      bufferMs: buffer.meanMs ?? this.#figures.bufferMs,
      minimumBufferMs: buffer.minimumMs,
      decodedFrames: number(video?.framesDecoded),
      droppedFrames: number(video?.framesDropped),
      freezes: number(video?.freezeCount),
      audioPeak: number(audio?.audioLevel),
      audioUnderruns: number(audio?.concealmentEvents),
      videoCodec: codecName(codecOf(video)),
      audioCodec: codecName(codecOf(audio)),
      hasVideo: number(video?.framesDecoded) > 0,
    };
    return this.#figures;
  }

  #bufferOf(entry: StatsEntry | undefined): {
    readonly meanMs: number | undefined;
    readonly minimumMs: number | undefined;
  } {
    const totals: Totals = {
      delayS: number(entry?.jitterBufferDelay),
      minimumS:
        typeof entry?.jitterBufferMinimumDelay === "number" ? entry.jitterBufferMinimumDelay : undefined,
      emitted: number(entry?.jitterBufferEmittedCount),
    };
    const before = this.#totals ?? { delayS: 0, minimumS: 0, emitted: 0 };
    this.#totals = totals;
    const emitted = totals.emitted - before.emitted;
    if (emitted <= 0) return { meanMs: undefined, minimumMs: undefined };
    return {
      meanMs: ((totals.delayS - before.delayS) * 1000) / emitted,
      minimumMs:
        totals.minimumS === undefined || before.minimumS === undefined
          ? undefined
          : ((totals.minimumS - before.minimumS) * 1000) / emitted,
    };
  }
}

const EMPTY: ReceiveFigures = {
  rttMs: 0,
  receivedBytes: 0,
  lostPackets: 0,
  jitterMs: 0,
  bufferMs: 0,
  minimumBufferMs: undefined,
  decodedFrames: 0,
  droppedFrames: 0,
  freezes: 0,
  audioPeak: 0,
  audioUnderruns: 0,
  videoCodec: undefined,
  audioCodec: undefined,
  hasVideo: false,
};
