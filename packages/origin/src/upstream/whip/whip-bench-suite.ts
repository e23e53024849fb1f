import { readFileSync } from "node:fs";
import { parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import { H264Packetizer, parseRtcp, type RtcpPacket, RtpStream } from "@canopy/media/rtp";
import { Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import type { WebRtcPeer, WebRtcPeerState } from "@canopy/transport/webrtc";
import { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS } from "../../ingest/ingest-options.ts";
import type { ChosenAudio, ChosenMedia, ChosenVideo } from "./choose-media.ts";
import type { WhipDropReason } from "./whip-counters.ts";
import { DEFAULT_WHIP_OPTIONS } from "./whip-options.ts";
import { WhipSession } from "./whip-session.ts";

export const PATH = "live/whip";
export const START_US = 1_780_000_000_000_000;
const VECTORS = new URL("../../../../../tests/vectors/media/", import.meta.url);

/** The pictures of a vector, each without its delimiter. */
export function vectorUnits(name: string): Uint8Array[] {
  const { hex } = JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), "utf8")) as { hex: string };
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(Buffer.from(hex, "hex"))) {
    if ((nal[0] ?? 0) % 32 === 9) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units.map(joinAnnexB);
}

export const UNITS = vectorUnits("h264-baseline");

export const VIDEO: ChosenVideo = {
  mid: "0",
  payloadType: 96,
  ssrcs: [],
  canRepeat: true,
  transportExtension: 0,
  keyframeRequest: "pli",
  rids: [],
  ridExtension: 0,
  repair: undefined,
  parameterSets: [],
};
const AUDIO: ChosenAudio = {
  mid: "1",
  payloadType: 111,
  redundantType: 63,
  ssrcs: [],
  canRepeat: false,
  transportExtension: 0,
};

/** A session with a clock of its own; what it sends to its publisher is kept. */
export class WhipBench {
  nowUs = START_US;
  readonly clock = { nowUs: () => this.nowUs, nowMs: () => this.nowUs / 1_000 };
  readonly store = new Store({}, { clock: this.clock });
  readonly registry = new BroadcastRegistry(DEFAULT_INGEST_OPTIONS, {
    store: this.store,
    clock: this.clock,
    logger: createSilentLogger(),
    events: { onStarted: () => {}, onEnded: () => {} },
    createId: (nowMs) => `id-${nowMs}`,
    countTimed: () => {},
  });
  readonly dropped = new Map<WhipDropReason, number>();
  readonly refused: string[] = [];
  readonly told: RtcpPacket[] = [];
  readonly session: WhipSession;
  state: WebRtcPeerState = "connecting";

  constructor(media: Partial<ChosenMedia> = {}) {
    this.session = this.open(media);
    this.session.onStateChange("connected");
  }

  open(media: Partial<ChosenMedia>): WhipSession {
    const session = new WhipSession(
      {
        path: PATH,
        remoteAddress: "127.0.0.1",
        media: {
          plan: { media: [], dataChannels: false },
          video: VIDEO,
          audio: AUDIO,
          bandwidth: "none",
          ...media,
        },
        whip: DEFAULT_WHIP_OPTIONS,
        ssrc: 99,
      },
      {
        registry: this.registry,
        clock: this.clock,
        logger: createSilentLogger(),
        counters: {
          dropped: (reason) => this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1),
          refused: (code) => this.refused.push(code),
          receivedBytes: () => {},
        },
        onPublisher: () => () => {},
        onOver: () => {},
      },
    );
    this.state = "connected";
    const bench = this;
    const peer: WebRtcPeer = {
      id: 1,
      get state() {
        return bench.state;
      },
      remoteAddress: "127.0.0.1:5",
      sendRtp: () => false,
      sendRtcp: (packet) => {
        this.told.push(...parseRtcp(packet));
        return true;
      },
      addRemoteCandidate: () => {},
      stats: () => ({
        sentBytes: 0,
        receivedBytes: 0,
        refusedPackets: 0,
        droppedPackets: { rate: 0, malformed: 0, "unknown-stream": 0, ssrcs: 0 },
      }),
      close: () => {
        this.state = "closed";
      },
    };
    session.attach(peer);
    return session;
  }

  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += 20) {
      this.nowUs += 20_000;
      this.session.tick(this.nowUs / 1_000);
    }
  }

  count(kind: RtcpPacket["kind"]): number {
    return this.told.filter((packet) => packet.kind === kind).length;
  }

  frames(track: string): { timestampUs: number; payload: Uint8Array }[] {
    const groups = this.store.get(PATH)?.track(track)?.groups ?? [];
    return [...groups].flatMap((group) =>
      group.frames.map(({ wire, payloadOffset }) => decodeLegacyFrame(wire.subarray(payloadOffset))),
    );
  }

  catalog() {
    const frame = this.store.get(PATH)?.track("catalog.json")?.latest?.frames[0];
    return frame === undefined ? undefined : parseCatalog(frame.wire.subarray(frame.payloadOffset));
  }
}

/** Packets of pictures of the vector, one list per picture. */
export class VideoSender {
  readonly #packetizer: H264Packetizer;
  #count = 0;

  constructor(ssrc = 7, extension?: Uint8Array, firstSequence = 0) {
    const options = extension === undefined ? {} : { extension };
    this.#packetizer = new H264Packetizer(
      new RtpStream({ ssrc, payloadType: 96, firstSequence, ...options }),
      {
        maxPayloadBytes: 200,
      },
    );
  }

  next(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    const unit = UNITS[this.#count % UNITS.length] ?? new Uint8Array();
    this.#packetizer.packetize(unit, this.#count++ * 3_000, packets);
    return packets;
  }
}
