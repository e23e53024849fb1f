import { PlayerError } from "../player-error.ts";
import {
  type CreatedResource,
  deleteResource,
  type HttpResourceDeps,
  patchResource,
  postOffer,
  type Refusal,
} from "./http-resource.ts";
import { restartedAnswer, type TrickledCandidate, trickleFragment } from "./sdp-fragment.ts";

/** From the answer to an open connection; a path that needs longer is not one to play live over. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The server named STUN or TURN servers: this long the direct way is tried before they are asked. */
const DIRECT_TIMEOUT_MS = 1_500;

/** Candidates that come within this time travel in one PATCH. */
const TRICKLE_BATCH_MS = 50;

/** An ICE restart sends its candidates with its credentials if they are there by then. */
const GATHER_TIMEOUT_MS = 300;

const POLL_MS = 500;

/** An end that nobody confirms is one all the same. */
const CLOSE_TIMEOUT_MS = 300;

/** ICE asks for a sign of life every 2.5 s, RTCP every second or so. */
const SILENCE_MS = 3_200;

/** Restarts in a row without a connection between them. */
const MAX_RESTARTS = 2;

export interface PeerLinkOptions {
  /** The WHIP or WHEP endpoint. */
  readonly endpoint: string;
  readonly token: string | undefined;
}

export interface PeerLinkDeps {
  /** Its transceivers are there; the link closes it. */
  readonly peer: RTCPeerConnection;
  readonly fetch: typeof fetch;
  readonly editOffer?: ((sdp: string) => string) | undefined;
  readonly editAnswer?: ((sdp: string) => string) | undefined;
  /** Connected, or connected again after an ICE restart. */
  readonly onConnected: () => void;
  /** Nothing gets through; an ICE restart is on its way. */
  readonly onInterrupted?: (() => void) | undefined;
  /** About twice a second while there is a session. */
  readonly onStats: (report: RTCStatsReport) => void;
  readonly onRefused: (refusal: Refusal) => void;
  /** The session is over. Called at most once, not after `close()`. */
  readonly onClosed: (error: PlayerError) => void;
}

/**
 * One WHIP or WHEP session (RFC 9725): offer and answer over HTTP, trickled candidates, ICE restart when the path is
 * lost, DELETE at the end. Every wait has a deadline.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #deps: PeerLinkDeps;
  readonly #abort = new AbortController();
  readonly #unsent: TrickledCandidate[] = [];
  #resource: CreatedResource | undefined;
  #etag: string | undefined;
  #answer = "";
  #isConnected = false;
  #isRestarting = false;
  #restarts = 0;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #trickleTimer: ReturnType<typeof setTimeout> | undefined;
  #pollTimer: ReturnType<typeof setInterval> | undefined;
  #signs = -1;
  #signsAtMs = 0;
  #closed = false;

  constructor(options: PeerLinkOptions, deps: PeerLinkDeps) {
    this.#options = options;
    this.#deps = deps;
    const { peer } = deps;
    peer.onicecandidate = ({ candidate }) => this.#onCandidate(candidate);
    peer.onconnectionstatechange = () => this.#onState(peer.connectionState);
    globalThis.addEventListener?.("pagehide", this.#onPageHide);
    void this.#open();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The other side said that it is over. */
  onRemoteEnd(): void {
    this.#fail(new PlayerError("unreachable", "the server ended the session"));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#trickleTimer);
    clearInterval(this.#pollTimer);
    globalThis.removeEventListener?.("pagehide", this.#onPageHide);
    const { peer, fetch } = this.#deps;
    peer.onicecandidate = null;
    peer.onconnectionstatechange = null;
    const url = this.#resource?.url;
    if (url === undefined) {
      peer.close();
      return;
    }
    // The request first: a connection that ends without it looks like one that is lost and may come back.
    const timer = setTimeout(() => peer.close(), CLOSE_TIMEOUT_MS);
    void deleteResource(url, { fetch, token: this.#options.token }).then(() => {
      clearTimeout(timer);
      peer.close();
    });
  }

  readonly #onPageHide = (): void => {
    this.#fail(new PlayerError("unreachable", "the page was left"));
  };

  get #http(): HttpResourceDeps {
    return { fetch: this.#deps.fetch, signal: this.#abort.signal, token: this.#options.token };
  }

  async #open(): Promise<void> {
    const { peer, editOffer, onRefused } = this.#deps;
    try {
      const offer = await peer.createOffer();
      const sdp = editOffer?.(offer.sdp ?? "") ?? offer.sdp ?? "";
      // Candidates are sent when they are there, so that the offer need not wait until the browser has taken it as its own.
      const taken = peer.setLocalDescription({ type: "offer", sdp });
      taken.catch(() => {
        // Waited for below, if the server takes the offer.
      });
      const result = await postOffer(this.#options.endpoint, sdp, this.#http);
      if (result.kind === "created") this.#resource = result;
      if (this.#closed) {
        if (result.kind === "created" && result.url !== undefined) {
          await deleteResource(result.url, this.#http);
        }
        return;
      }
      if (result.kind === "refused") {
        this.close();
        onRefused(result);
        return;
      }
      this.#etag = result.etag;
      await taken;
      await this.#onAnswer(result);
    } catch (cause) {
      this.#fail(PlayerError.of(cause, "protocol", "the answer does not fit"));
    }
  }

  async #onAnswer(resource: CreatedResource): Promise<void> {
    const { peer, editAnswer } = this.#deps;
    this.#answer = editAnswer?.(resource.answer) ?? resource.answer;
    const hasServers = resource.iceServers.length > 0;
    if (hasServers)
      peer.setConfiguration({ ...peer.getConfiguration(), iceServers: [...resource.iceServers] });
    await peer.setRemoteDescription({ type: "answer", sdp: this.#answer });
    if (this.#closed) return;
    // The servers count from the next gathering on, which is an ICE restart; most viewers never need it.
    if (hasServers) this.#wait(DIRECT_TIMEOUT_MS, () => this.#restart());
    else this.#wait(CONNECT_TIMEOUT_MS, () => this.#onNoConnection());
    this.#pollTimer = setInterval(() => void this.#poll(), POLL_MS);
    this.#sendCandidates(false);
  }

  #wait(timeoutMs: number, onTimeout: () => void): void {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = setTimeout(onTimeout, timeoutMs);
  }

  #onNoConnection(): void {
    this.#fail(new PlayerError("unreachable", "no WebRTC connection: UDP may be blocked"));
  }

  #onCandidate(candidate: RTCIceCandidate | null): void {
    if (candidate !== null && candidate.candidate !== "") {
      this.#unsent.push({ candidate: candidate.candidate, mid: candidate.sdpMid ?? "" });
    }
    if (this.#resource === undefined || this.#isRestarting || this.#isConnected) return;
    clearTimeout(this.#trickleTimer);
    this.#trickleTimer = setTimeout(() => this.#sendCandidates(candidate === null), TRICKLE_BATCH_MS);
  }

  /** What the offer did not hold yet. A connected pair needs no more. */
  #sendCandidates(isComplete: boolean): void {
    const url = this.#resource?.url;
    if (url === undefined || this.#isConnected || this.#closed) return;
    const sdp = this.#deps.peer.localDescription?.sdp ?? "";
    const unsent = this.#unsent.splice(0);
    if (unsent.length === 0) return;
    const fragment = trickleFragment(sdp, unsent, isComplete);
    if (fragment === undefined) return;
    patchResource(url, fragment, this.#etag, this.#http).then(
      ({ etag }) => {
        this.#etag = etag ?? this.#etag;
      },
      () => {
        // Servers that know no trickling find our address in our checks.
      },
    );
  }

  #onState(state: RTCPeerConnectionState): void {
    if (this.#closed) return;
    if (state === "connected") {
      clearTimeout(this.#connectTimer);
      this.#isRestarting = false;
      this.#restarts = 0;
      this.#signs = -1;
      this.#isConnected = true;
      this.#deps.onConnected();
    } else if (state === "failed") this.#restart();
    else if (state === "closed") this.onRemoteEnd();
  }

  async #poll(): Promise<void> {
    let report: RTCStatsReport;
    try {
      report = await this.#deps.peer.getStats();
    } catch {
      return;
    }
    if (this.#closed) return;
    this.#watchSigns(report);
    if (!this.#closed) this.#deps.onStats(report);
  }

  /** ICE alone notices a dead path late: anything that came from there counts, and its absence too. */
  #watchSigns(report: RTCStatsReport): void {
    let signs = 0;
    for (const entry of report.values()) {
      if (entry.type === "candidate-pair") signs += Number(entry.responsesReceived ?? 0);
      if (entry.type === "candidate-pair" || entry.type === "transport") {
        signs += Number(entry.bytesReceived ?? 0);
      }
    }
    const nowMs = performance.now();
    if (signs !== this.#signs) {
      this.#signs = signs;
      this.#signsAtMs = nowMs;
      // A restart that found its way at once may leave the state as it was.
      const { connectionState } = this.#deps.peer;
      if (!this.#isConnected && !this.#isRestarting) this.#onState(connectionState);
    } else if (this.#isConnected && !this.#isRestarting && nowMs - this.#signsAtMs > SILENCE_MS) {
      this.#restart();
    }
  }

  #restart(): void {
    if (this.#closed || this.#isRestarting) return;
    const url = this.#resource?.url;
    this.#restarts += 1;
    if (url === undefined || this.#restarts > MAX_RESTARTS) {
      this.#onNoConnection();
      return;
    }
    this.#isRestarting = true;
    if (this.#isConnected) this.#deps.onInterrupted?.();
    this.#isConnected = false;
    this.#wait(CONNECT_TIMEOUT_MS, () => this.#onNoConnection());
    this.#restartIce(url).catch((cause: unknown) => {
      this.#fail(PlayerError.of(cause, "unreachable", "the connection is lost"));
    });
  }

  /** RFC 9725 §4.3.3. */
  async #restartIce(url: string): Promise<void> {
    const { peer, editOffer } = this.#deps;
    this.#unsent.length = 0;
    const offer = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription({ type: "offer", sdp: editOffer?.(offer.sdp ?? "") ?? offer.sdp ?? "" });
    await gathered(peer, GATHER_TIMEOUT_MS);
    const fragment = trickleFragment(peer.localDescription?.sdp ?? "", this.#unsent.splice(0), false);
    if (this.#closed || fragment === undefined) return;
    const { status, body, etag } = await patchResource(url, fragment, "*", this.#http);
    if (this.#closed) return;
    const answer = status === 200 ? restartedAnswer(this.#answer, body) : undefined;
    if (answer === undefined) throw new PlayerError("unreachable", `no ICE restart (HTTP ${status})`);
    this.#answer = answer;
    this.#etag = etag ?? this.#etag;
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    this.#isRestarting = false;
    this.#sendCandidates(false);
  }

  #fail(error: PlayerError): void {
    if (this.#closed) return;
    this.close();
    this.#deps.onClosed(error);
  }
}

/** All candidates of the generation that begins now are there, or it takes too long. The state is that of before. */
function gathered(peer: RTCPeerConnection, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, timeoutMs);
    function done(): void {
      clearTimeout(timer);
      peer.removeEventListener("icegatheringstatechange", onChange);
      resolve();
    }
    function onChange(): void {
      if (peer.iceGatheringState === "complete") done();
    }
    peer.addEventListener("icegatheringstatechange", onChange);
  });
}
