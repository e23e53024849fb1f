import { PeerDataChannel } from "./data-channel.ts";
import type { NativeDataChannel, NativePeerConnection, NativeTrack } from "./native.ts";
import type { RtpDemux } from "./rtp-demux.ts";
import { parseCandidate } from "./sdp/parse-candidate.ts";
import type { WebRtcLogger } from "./webrtc-engine.ts";
import type { WebRtcLimits } from "./webrtc-limits.ts";
import type {
  WebRtcCloseReason,
  WebRtcDropReason,
  WebRtcPeer,
  WebRtcPeerHandler,
  WebRtcPeerState,
  WebRtcPeerStats,
} from "./webrtc-peer.ts";

export interface NativePeerDeps {
  readonly limits: WebRtcLimits;
  readonly demux: RtpDemux;
  readonly logger: WebRtcLogger;
  readonly nowMs: () => number;
  /** This side is the DTLS client, which is done as soon as the server's last message arrives. */
  readonly isDtlsClient: boolean;
  readonly onClosed: (peer: NativePeer, reason: WebRtcCloseReason) => void;
}

/** A peer that sends more than it may for so long is closed: to drop its packets costs, too. */
const MAX_FLOOD_SECONDS = 3;

/** How long an offer's candidates wait for the client's own checks. */
const CANDIDATE_PATIENCE_MS = 300;

/** How long the other side may take from its last handshake message to keys for media. */
const REMOTE_KEYS_MS = 50;

let nextPeerId = 1;

/** A peer around libdatachannel's connection. All its events come in turns of their own, never inside our calls. */
export class NativePeer implements WebRtcPeer {
  readonly id = nextPeerId++;
  readonly openedAtMs: number;
  state: WebRtcPeerState = "connecting";
  remoteAddress = "";
  readonly #native: NativePeerConnection;
  readonly #handler: WebRtcPeerHandler;
  readonly #deps: NativePeerDeps;
  /** Fixed shape: written per packet. */
  readonly #dropped: Record<WebRtcDropReason, number> = {
    rate: 0,
    malformed: 0,
    "unknown-stream": 0,
    ssrcs: 0,
  };
  readonly #channels: PeerDataChannel[] = [];
  #track: NativeTrack | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;
  #refused = 0;
  #packetsThisSecond = 0;
  #floodSeconds = 0;
  /** Candidates of the offer that are not tried yet. */
  #held: readonly string[] = [];
  #candidates = 0;
  #disconnectedAtMs = 0;

  constructor(native: NativePeerConnection, handler: WebRtcPeerHandler, deps: NativePeerDeps) {
    this.#native = native;
    this.#handler = handler;
    this.#deps = deps;
    this.openedAtMs = deps.nowMs();
    native.onStateChange((state) => this.#guard(() => this.#onNativeState(state)));
    native.onTrack((track) => this.#guard(() => this.#onTrack(track)));
    native.onDataChannel((channel) => this.#guard(() => this.#onDataChannel(channel)));
  }

  get #closed(): boolean {
    return this.state === "closed";
  }

  sendRtp(packet: Uint8Array): boolean {
    return this.#send(packet);
  }

  sendRtcp(packet: Uint8Array): boolean {
    return this.#send(packet);
  }

  /** Hot path: once per packet and viewer. The binding takes any view of bytes, whatever its types say. The library tells RTP and RTCP apart by the second byte. */
  #send(packet: Uint8Array): boolean {
    if (this.#track === undefined || this.state === "closed" || this.state === "connecting") return false;
    try {
      if (this.#track.sendMessageBinary(packet as Buffer)) {
        this.#sentBytes += packet.byteLength;
        return true;
      }
    } catch {
      // The other side closed DTLS, and its event has not come to this thread yet.
    }
    this.#refused += 1;
    return false;
  }

  addRemoteCandidate(text: string): void {
    const candidate = parseCandidate(text);
    if (candidate === undefined || this.#closed) return;
    this.#candidates += 1;
    if (this.#candidates > this.#deps.limits.maxCandidates) return;
    try {
      this.#native.addRemoteCandidate(candidate, "");
    } catch (error) {
      this.#deps.logger.debug({ err: error, peer: this.id }, "the engine did not take a candidate");
    }
  }

  /**
   * Candidates that are tried only if the client's own checks do not come. A check of ours that is faster than the
   * answer makes libdatachannel (OBS) begin DTLS while it still takes the answer in, and fail for want of a fingerprint.
   */
  holdCandidates(candidates: readonly string[]): void {
    this.#held = candidates;
  }

  stats(): WebRtcPeerStats {
    return {
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      refusedPackets: this.#refused,
      droppedPackets: { ...this.#dropped },
    };
  }

  close(): void {
    this.closeFor("local");
  }

  closeFor(reason: WebRtcCloseReason): void {
    if (this.#closed) return;
    this.state = "closed";
    for (const channel of this.#channels.splice(0)) channel.close();
    try {
      this.#track?.close();
      this.#native.close();
    } catch (error) {
      this.#deps.logger.debug({ err: error, peer: this.id }, "the engine did not close a peer cleanly");
    }
    this.#track = undefined;
    this.#deps.onClosed(this, reason);
    setImmediate(() => this.#guard(() => this.#handler.onClose(reason)));
  }

  /** Once per second, by the engine's one timer. */
  tick(nowMs: number): void {
    const { limits } = this.#deps;
    this.#floodSeconds = this.#packetsThisSecond > limits.maxPacketsPerSecond ? this.#floodSeconds + 1 : 0;
    this.#packetsThisSecond = 0;
    if (this.#floodSeconds >= MAX_FLOOD_SECONDS) {
      this.#deps.logger.warn({ peer: this.id }, "a peer is closed that sends too many packets");
      this.closeFor("failed");
      return;
    }
    if (this.state === "connecting" && nowMs - this.openedAtMs > CANDIDATE_PATIENCE_MS) {
      for (const candidate of this.#held) this.addRemoteCandidate(candidate);
      this.#held = [];
    }
    if (this.state === "connecting" && nowMs - this.openedAtMs > limits.handshakeTimeoutMs) {
      this.closeFor("handshake-timeout");
    } else if (
      this.state === "disconnected" &&
      nowMs - this.#disconnectedAtMs > limits.disconnectedTimeoutMs
    ) {
      this.closeFor("timeout");
    }
  }

  #onNativeState(state: string): void {
    if (this.#closed) return;
    if (state === "failed") this.closeFor(this.state === "connecting" ? "failed" : "timeout");
    else if (state === "closed") this.closeFor("remote");
    else if (state === "disconnected") {
      // Before it is connected this is how a failed DTLS handshake looks; the deadline decides.
      if (this.state !== "connected") return;
      this.#disconnectedAtMs = this.#deps.nowMs();
      this.#changeState("disconnected");
    } else if (state === "connected" && (this.#track === undefined || this.state === "disconnected")) {
      // With media the track's opening counts.
      this.#onConnected();
    }
  }

  #onConnected(): void {
    if (this.#closed || this.state === "connected") return;
    const remote = this.#native.getSelectedCandidatePair()?.remote;
    if (remote !== undefined) this.remoteAddress = joinAddress(remote.address, remote.port);
    this.#changeState("connected");
  }

  #changeState(state: WebRtcPeerState): void {
    this.state = state;
    this.#handler.onStateChange(state);
  }

  #onTrack(track: NativeTrack): void {
    if (this.#closed) return;
    this.#track = track;
    const { demux, limits } = this.#deps;
    // With data channels the connection counts as connected only when SCTP is up, and media need not wait for that.
    track.onOpen(() => this.#onTrackOpen());
    track.onMessage((packet) => {
      if (this.#closed) return;
      this.#packetsThisSecond += 1;
      if (this.#packetsThisSecond > limits.maxPacketsPerSecond) this.#dropped.rate += 1;
      else if (packet.byteLength > limits.maxMessageBytes) this.#dropped.malformed += 1;
      else this.#receive(packet, demux);
    });
  }

  /** The first packets must not overtake the other side's keys: to a receiver a stream then begins in a picture's middle. */
  #onTrackOpen(): void {
    if (!this.#deps.isDtlsClient) this.#guard(() => this.#onConnected());
    else setTimeout(() => this.#guard(() => this.#onConnected()), REMOTE_KEYS_MS);
  }

  #receive(packet: Buffer, demux: RtpDemux): void {
    this.#receivedBytes += packet.byteLength;
    const found = demux.find(packet);
    try {
      // Who sends has his keys: no packet comes before `connected`.
      if (this.state === "connecting") this.#onConnected();
      if (found.kind === "rtp") this.#handler.onRtp(found.mid, packet);
      else if (found.kind === "rtcp") this.#handler.onRtcp(packet);
      else this.#dropped[found.reason] += 1;
    } catch (error) {
      this.#fail(error);
    }
  }

  #onDataChannel(native: NativeDataChannel): void {
    const { limits } = this.#deps;
    if (this.#closed || this.#channels.length >= limits.maxDataChannels) {
      native.close();
      return;
    }
    const channel = new PeerDataChannel(native, {
      maxBufferBytes: limits.maxDataChannelBufferBytes,
      guard: (run) => this.#guard(run),
    });
    this.#channels.push(channel);
    this.#handler.onDataChannel(channel);
  }

  /** An exception in a native callback would end the process; here it ends this peer. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#deps.logger.warn({ err: error, peer: this.id }, "a peer is closed after an error in its handler");
    this.closeFor("failed");
  }
}

function joinAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
