/**
 * What a frame costs per viewer inside the relay, without protocol and network: a video and an audio track are filled as
 * a live stream does, and every viewer is a session with two subscriptions whose peer takes everything.
 * Prints the time of one flush divided by its viewer-frames: `npm run bench -- relay-dispatch [viewers…]`.
 */
import { performance } from "node:perf_hooks";
import type {
  MoqSessionHandler,
  OutgoingGroup,
  SubscribeOptions,
  SubscribeResponder,
  SubscribeResponderHandler,
  WireFrame,
  WireGroupHandler,
} from "@canopy/protocol";
import { type MoqConnection, RelayNode } from "@canopy/relay";
import type { Session } from "@canopy/transport";
import { type Row, report } from "./report.ts";

const SECONDS = 20;
/** 1.5 Mbit/s at 30 fps, a keyframe every two seconds. */
const VIDEO_FPS = 30;
const VIDEO_GOP_FRAMES = 60;
const VIDEO_FRAME_BYTES = 6_250;
/** AAC at 48 kHz, grouped by half seconds. */
const AUDIO_FPS = 47;
const AUDIO_GROUP_FRAMES = 24;

/** Takes everything at once. */
class NullGroup implements OutgoingGroup {
  readonly sequence: number;
  readonly bufferedBytes = 0;
  handler: WireGroupHandler | undefined;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  writeFrame(frame: WireFrame): boolean {
    written += 1;
    return frame.wire.byteLength >= 0;
  }

  finish(): void {}
  abort(): void {}
  setPriority(): void {}
}

class NullPeer implements SubscribeResponder {
  readonly broadcast = "live/demo";
  readonly track: string;
  readonly options: SubscribeOptions;
  handler: SubscribeResponderHandler | undefined;

  constructor(track: string, priority: number) {
    this.track = track;
    this.options = { priority, ordered: false, maxLatencyMs: 0, startGroup: undefined, endGroup: undefined };
  }

  openGroup(sequence: number): OutgoingGroup {
    groups += 1;
    return new NullGroup(sequence);
  }

  accept(): void {}
  reject(): void {
    throw new Error("the subscription was refused");
  }
  drop(): void {}
  end(): void {}
  sendDatagram(): boolean {
    return false;
  }
}

let written = 0;
let groups = 0;

function nullSession(id: number): Session {
  const stats = {
    rttMs: 0,
    sentBytes: 0,
    receivedBytes: 0,
    sentPackets: 0,
    lostPackets: 0,
    sendRateBps: 0,
    bufferedBytes: 0,
    silentMs: 0,
  };
  return {
    id,
    kind: "memory",
    protocol: "moq-lite-05",
    path: "/",
    remoteAddress: "127.0.0.1:1",
    maxDatagramBytes: 0,
    handler: undefined,
    closed: false,
    openUni: () => undefined,
    openBidi: () => undefined,
    sendDatagram: () => false,
    stats: () => stats,
    ping: () => {},
    close: () => {},
  };
}

function nullMoq(): MoqConnection {
  const nothing = (): void => {};
  const never = (): never => {
    throw new Error("the benchmark has no upstream");
  };
  return {
    version: "lite-05",
    announcements: never,
    subscribe: never,
    goaway: nothing,
    close: nothing,
    onTransportClosed: nothing,
    onUniStream: nothing,
    onBidiStream: nothing,
    onDatagram: nothing,
    onStreamsAvailable: nothing,
    onTick: () => undefined,
  };
}

async function measure(viewers: number): Promise<Row> {
  const handlers: MoqSessionHandler[] = [];
  const node = new RelayNode(
    {},
    {
      createMoq: (_options, handler) => {
        handlers.push(handler);
        return nullMoq();
      },
      schedule: () => {},
      startTimer: () => () => {},
    },
  );
  const broadcast = node.store.publish("live/demo");
  const info = { ordered: false, maxLatencyMs: 2_000, timescale: 1_000_000 };
  const video = broadcast.createTrack("video", { ...info, priority: 60 });
  const audio = broadcast.createTrack("audio", { ...info, priority: 80 });
  const heapBefore = process.memoryUsage().heapUsed;
  for (let id = 0; id < viewers; id += 1) {
    node.acceptSession(nullSession(id), { root: "", put: [], get: [""] });
    handlers[id]?.onSubscribe(new NullPeer("video", 60));
    handlers[id]?.onSubscribe(new NullPeer("audio", 80));
  }
  const bytesPerViewer = (process.memoryUsage().heapUsed - heapBefore) / viewers;
  written = 0;
  groups = 0;
  let spentMs = 0;
  const timed = (act: () => void): void => {
    const start = performance.now();
    act();
    spentMs += performance.now() - start;
  };
  let videoGroup = video.openGroup();
  let audioGroup = audio.openGroup();
  let audioFrames = 0;
  for (let frame = 0; frame < SECONDS * VIDEO_FPS; frame += 1) {
    const timestampUs = Math.round((frame * 1_000_000) / VIDEO_FPS);
    if (frame > 0 && frame % VIDEO_GOP_FRAMES === 0) {
      videoGroup.finish();
      videoGroup = video.openGroup();
    }
    videoGroup.append(timestampUs, new Uint8Array(VIDEO_FRAME_BYTES));
    while (audioFrames < ((frame + 1) * AUDIO_FPS) / VIDEO_FPS) {
      if (audioFrames > 0 && audioFrames % AUDIO_GROUP_FRAMES === 0) {
        audioGroup.finish();
        audioGroup = audio.openGroup();
      }
      audioGroup.append(timestampUs, new Uint8Array(300));
      audioFrames += 1;
    }
    timed(() => node.store.flush());
    // The housekeeping timer fires ten times a second.
    if (frame % 3 === 0) timed(() => node.tick());
  }
  await node.close();
  return {
    viewers,
    "ns per viewer-frame": Math.round((spentMs * 1e6) / written),
    "% of a core": Number(((spentMs / (SECONDS * 1_000)) * 100).toFixed(2)),
    "viewer-frames": written,
    "viewer-groups": groups,
    "heap bytes per viewer": Math.round(bytesPerViewer),
  };
}

const counts = process.argv
  .slice(2)
  .map(Number)
  .filter((count) => count > 0);
const rows: Row[] = [];
// The first run warms the compiler up and is not shown.
await measure(500);
for (const count of counts.length > 0 ? counts : [100, 1_000, 5_000]) rows.push(await measure(count));
report("relay-dispatch", rows, { seconds: SECONDS, videoFps: VIDEO_FPS, audioFps: AUDIO_FPS });
