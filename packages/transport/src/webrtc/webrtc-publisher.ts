import { loadNative, type NativeTrack } from "./native.ts";
import { WebRtcError } from "./webrtc-error.ts";

/** One stream that is offered; its RTP is the caller's. */
export interface OfferedStream {
  readonly ssrc: number;
  readonly payloadType: number;
}

export interface WebRtcPublisherOptions {
  /** H.264, packetization mode 1. */
  readonly video: OfferedStream | undefined;
  /** Opus. */
  readonly audio: OfferedStream | undefined;
  readonly cname: string;
  /** Address to send from; default: any. */
  readonly host?: string;
}

export interface WebRtcPublisherHandler {
  /** Media can be sent from now on. */
  onConnected(): void;
  /** RTCP of the other side; unchecked. */
  onRtcp(packet: Uint8Array): void;
  /** Once, not from inside `close()`. */
  onClosed(): void;
}

/** The side of a WHIP connection that offers. */
export interface WebRtcPublisher {
  /** Without candidates: the other side learns them from the first check. */
  readonly offer: string;
  /** Throws `WebRtcError` sdp-malformed. */
  accept(answer: string): void;
  /** RTP or RTCP of one stream. False: not connected, or the socket is full. */
  send(kind: "video" | "audio", packet: Buffer): boolean;
  /** Idempotent. */
  close(): void;
}

const STREAM_ID = "canopy";
const H264_PARAMETERS = "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1";

/** Makes a connection and its offer. Rejects with `WebRtcError` unsupported-platform, engine-failed. */
export async function openWebRtcPublisher(
  options: WebRtcPublisherOptions,
  handler: WebRtcPublisherHandler,
): Promise<WebRtcPublisher> {
  const native = await loadNative();
  const { host, cname } = options;
  const connection = new native.PeerConnection("publisher", {
    iceServers: [],
    disableAutoNegotiation: true,
    ...(host === undefined ? {} : { bindAddress: host }),
  });
  const tracks = new Map<"video" | "audio", NativeTrack>();
  const follow = (kind: "video" | "audio", track: NativeTrack): void => {
    // Without callbacks the library would print what goes wrong.
    track.onError(() => {});
    track.onMessage((packet) => handler.onRtcp(packet));
    tracks.set(kind, track);
  };
  if (options.video !== undefined) {
    const video = new native.Video("video", "SendOnly");
    video.addH264Codec(options.video.payloadType, H264_PARAMETERS);
    video.addSSRC(options.video.ssrc, cname, STREAM_ID, "video");
    follow("video", connection.addTrack(video));
  }
  if (options.audio !== undefined) {
    const audio = new native.Audio("audio", "SendOnly");
    audio.addOpusCodec(options.audio.payloadType);
    audio.addSSRC(options.audio.ssrc, cname, STREAM_ID, "audio");
    follow("audio", connection.addTrack(audio));
  }
  let isClosed = false;
  const end = (tells: boolean): void => {
    if (isClosed) return;
    isClosed = true;
    connection.close();
    if (tells) setImmediate(() => handler.onClosed());
  };
  connection.onStateChange((state) => {
    if (isClosed) return;
    if (state === "connected") handler.onConnected();
    else if (state === "failed" || state === "closed") end(true);
  });
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.setLocalDescription("offer");
  await gathered;
  const offer = withoutCandidates(connection.localDescription()?.sdp ?? "");
  return {
    offer,
    accept: (answer) => {
      try {
        connection.setRemoteDescription(answer, "answer");
      } catch (cause) {
        throw new WebRtcError("sdp-malformed", "the answer cannot be used", { cause });
      }
    },
    send: (kind, packet) => {
      const track = tracks.get(kind);
      if (isClosed || track?.isOpen() !== true) return false;
      try {
        return track.sendMessageBinary(packet);
      } catch {
        // Closed by the other side between the question and the call.
        return false;
      }
    },
    close: () => end(false),
  };
}

/**
 * If the other side knew the candidates, its checks would arrive before its answer does, and libdatachannel, which
 * looks for the fingerprint in the answer only after ICE has started, would now and then fail the handshake.
 */
function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=candidate:.*\r?\n/gm, "");
}
