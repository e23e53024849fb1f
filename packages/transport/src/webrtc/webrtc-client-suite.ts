import { Audio, type DataChannel, PeerConnection, type Track, Video } from "node-datachannel";

export interface TestClient extends Disposable {
  readonly connection: PeerConnection;
  readonly channel: DataChannel | undefined;
  readonly tracks: ReadonlyMap<string, Track>;
  /** RTP and RTCP that arrived, by mid. */
  readonly received: Map<string, Buffer[]>;
  /**
   * Without candidates, like that of a browser that hides its addresses. With them our checks may come in the middle of
   * the client's `setRemoteDescription` on a busy machine, and libdatachannel then takes the certificate for a wrong one.
   */
  readonly offer: string;
  readonly candidates: readonly string[];
  accept(answer: string): void;
  readonly connected: Promise<void>;
}

export interface TestClientOptions {
  readonly video?: "RecvOnly" | "SendOnly" | "SendRecv";
  readonly audio?: "RecvOnly" | "SendOnly" | "SendRecv";
  /** Label of a data channel that the client opens. */
  readonly dataChannel?: string;
  readonly sendSsrc?: number;
  /** Default: 127.0.0.1. */
  readonly address?: string;
}

export function withoutCandidates(sdp: string): string {
  return sdp.replace(/a=(candidate:.*|end-of-candidates)\r\n/g, "");
}

/** A WebRTC client that is not ours: libdatachannel itself, with its own SDP. */
export async function createTestClient(options: TestClientOptions): Promise<TestClient> {
  const connection = new PeerConnection("client", {
    iceServers: [],
    bindAddress: options.address ?? "127.0.0.1",
    disableAutoNegotiation: true,
  });
  const tracks = new Map<string, Track>();
  const received = new Map<string, Buffer[]>();
  const add = (mid: string, track: Track): void => {
    const packets: Buffer[] = [];
    received.set(mid, packets);
    tracks.set(mid, track);
    track.onMessage((packet) => packets.push(packet));
  };
  if (options.video !== undefined) {
    const video = new Video("video", options.video);
    video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
    if (options.sendSsrc !== undefined) video.addSSRC(options.sendSsrc, "cname", "stream", "track");
    add("video", connection.addTrack(video));
  }
  if (options.audio !== undefined) {
    const audio = new Audio("audio", options.audio);
    audio.addOpusCodec(111);
    add("audio", connection.addTrack(audio));
  }
  // The binding closes what is collected as garbage.
  const channel =
    options.dataChannel === undefined ? undefined : connection.createDataChannel(options.dataChannel);
  const connected = new Promise<void>((resolve, reject) => {
    connection.onStateChange((state) => {
      if (state === "connected") resolve();
      else if (state === "failed") reject(new Error("the client's connection failed"));
    });
  });
  // A test that expects a failure does not wait for it.
  connected.catch(() => {});
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.setLocalDescription("offer");
  await gathered;
  const sdp = connection.localDescription()?.sdp ?? "";
  return {
    connection,
    channel,
    tracks,
    received,
    offer: withoutCandidates(sdp),
    candidates: sdp.match(/candidate:.*/g) ?? [],
    accept: (answer) => connection.setRemoteDescription(answer, "answer"),
    connected,
    [Symbol.dispose]: () => connection.close(),
  };
}
