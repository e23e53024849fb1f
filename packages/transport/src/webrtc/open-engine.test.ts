import { createHmac } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { createSilentLogger, delay } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { openWebRtcEngine } from "./open-engine.ts";
import { parseOffer } from "./sdp/parse-offer.ts";
import type { AnswerPlan, SdpOffer } from "./sdp/session-description.ts";
import { createTestClient, type TestClientOptions, withoutCandidates } from "./webrtc-client-suite.ts";
import type { WebRtcEngine } from "./webrtc-engine.ts";
import type { WebRtcLimits } from "./webrtc-limits.ts";
import type {
  WebRtcCloseReason,
  WebRtcDataChannel,
  WebRtcPeerHandler,
  WebRtcPeerState,
} from "./webrtc-peer.ts";

class Recorder implements WebRtcPeerHandler {
  readonly states: WebRtcPeerState[] = [];
  readonly rtp: { mid: string; packet: Uint8Array }[] = [];
  readonly rtcp: Uint8Array[] = [];
  readonly channels: WebRtcDataChannel[] = [];
  closed: WebRtcCloseReason | undefined;
  firstPacketState: WebRtcPeerState | undefined;

  onStateChange(state: WebRtcPeerState): void {
    this.states.push(state);
  }
  onRtp(mid: string, packet: Uint8Array): void {
    if (this.rtp.length === 0) this.firstPacketState = this.states.at(-1);
    this.rtp.push({ mid, packet });
  }
  onRtcp(packet: Uint8Array): void {
    this.rtcp.push(packet);
  }
  onDataChannel(channel: WebRtcDataChannel): void {
    this.channels.push(channel);
  }
  onClose(reason: WebRtcCloseReason): void {
    this.closed = reason;
  }
}

const engines: WebRtcEngine[] = [];

async function openEngine(limits: Partial<WebRtcLimits> = {}): Promise<WebRtcEngine> {
  const engine = await openWebRtcEngine(
    { host: "127.0.0.1", port: 0, limits },
    { logger: createSilentLogger() },
  );
  engines.push(engine);
  return engine;
}

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

/** Every section is answered with its first codec, in the opposite direction. */
function planFor(offer: SdpOffer): AnswerPlan {
  return {
    dataChannels: true,
    media: offer.media
      .filter(({ kind }) => kind !== "application")
      .map(({ mid, codecs, direction, extensions }) => ({
        mid,
        codecs: codecs.slice(0, 1),
        extensions,
        direction:
          direction === "recvonly"
            ? ("sendonly" as const)
            : direction === "sendonly"
              ? "recvonly"
              : direction,
        send: { ssrc: mid === "video" ? 1_000 : 2_000, cname: "canopy", streamId: "canopy" },
      })),
  };
}

async function connect(engine: WebRtcEngine, options: TestClientOptions) {
  const client = await createTestClient(options);
  const recorder = new Recorder();
  const offer = parseOffer(client.offer);
  const { peer, sdp } = await engine.answer(offer, planFor(offer), recorder);
  client.accept(sdp);
  await client.connected;
  await until(() => peer.state === "connected");
  return { client, recorder, peer, sdp };
}

async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error("not in time");
    await delay(5);
  }
}

function rtpPacket(options: { type: number; sequence: number; ssrc: number; payload: string }): Buffer {
  const packet = Buffer.alloc(12 + options.payload.length);
  packet[0] = 0x80;
  packet[1] = options.type;
  packet.writeUInt16BE(options.sequence, 2);
  packet.writeUInt32BE(options.ssrc, 8);
  packet.write(options.payload, 12);
  return packet;
}

/** An ICE check (RFC 8445 section 7.2.2) with USERNAME and MESSAGE-INTEGRITY (RFC 8489 sections 14.3, 14.5). */
function iceCheck(username: string): Buffer {
  const name = Buffer.alloc(4 + Math.ceil(username.length / 4) * 4);
  name.writeUInt16BE(0x0006, 0);
  name.writeUInt16BE(username.length, 2);
  name.write(username, 4);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt16BE(name.byteLength + 24, 2);
  header.writeUInt32BE(0x2112a442, 4);
  const mac = createHmac("sha1", "a stranger's").update(header).update(name).digest();
  return Buffer.concat([header, name, Buffer.from([0, 8, 0, 20]), mac]);
}

/** Fewer than a socket's buffer holds: none is lost if each batch is awaited. */
const BATCH = 50;

/** Sends checks of sessions that nobody has, and waits for `taken` to count them. */
async function sendStrays(socket: Socket, port: number, count: number, taken: () => number): Promise<void> {
  for (let sent = 0; sent < count; ) {
    for (let index = 0; index < BATCH; index += 1, sent += 1)
      socket.send(iceCheck(`stranger${sent}:x`), port, "127.0.0.1");
    const wanted = sent;
    await until(() => taken() >= wanted);
  }
}

describe("openWebRtcEngine", () => {
  it("sends RTP of two sections to a client, each to its track", async () => {
    const engine = await openEngine();
    const { client, peer } = await connect(engine, { video: "RecvOnly", audio: "RecvOnly" });
    using _ = client;
    for (let sequence = 0; sequence < 50; sequence += 1) {
      expect(peer.sendRtp(rtpPacket({ type: 102, sequence, ssrc: 1_000, payload: "picture" }))).toBe(true);
      expect(peer.sendRtp(rtpPacket({ type: 111, sequence, ssrc: 2_000, payload: "sound" }))).toBe(true);
    }
    const video = client.received.get("video") ?? [];
    const audio = client.received.get("audio") ?? [];
    await until(() => video.length === 50 && audio.length === 50);
    expect(video.map((packet) => packet.subarray(12).toString())).toEqual(Array(50).fill("picture"));
    expect(audio.map((packet) => packet.readUInt16BE(2))).toEqual(
      Array.from({ length: 50 }, (_v, index) => index),
    );
  });

  it("receives RTP of streams that the offer does not name, and RTCP", async () => {
    const engine = await openEngine();
    const { client, recorder } = await connect(engine, { video: "SendOnly", audio: "SendOnly" });
    using _ = client;
    const video = client.tracks.get("video");
    const audio = client.tracks.get("audio");
    await until(() => video?.isOpen() === true && audio?.isOpen() === true);
    video?.sendMessageBinary(rtpPacket({ type: 102, sequence: 7, ssrc: 4_711, payload: "picture" }));
    audio?.sendMessageBinary(rtpPacket({ type: 111, sequence: 8, ssrc: 4_712, payload: "sound" }));
    video?.sendMessageBinary(Buffer.from("80c9000100001267", "hex"));
    await until(() => recorder.rtp.length === 2 && recorder.rtcp.length === 1);
    expect(recorder.rtp.map(({ mid }) => mid).sort()).toEqual(["audio", "video"]);
    expect(recorder.firstPacketState).toBe("connected");
    expect(Buffer.from(recorder.rtcp[0] ?? []).readUInt32BE(4)).toBe(0x1267);
  });

  it("hands over data channels of the client and messages both ways", async () => {
    const engine = await openEngine();
    const { client, recorder } = await connect(engine, { video: "RecvOnly", dataChannel: "timed" });
    using _ = client;
    await until(() => recorder.channels.length === 1);
    const channel = recorder.channels[0];
    expect(channel?.label).toBe("timed");
    await until(() => channel?.open === true);
    expect(channel?.send("hello")).toBe(true);
    expect(channel?.send("x".repeat(300_000))).toBe(false);
  });

  it("is the DTLS server of browsers and the client of others", async () => {
    const engine = await openEngine();
    using client = await createTestClient({ video: "RecvOnly" });
    const setupFor = async (change: (sdp: string) => string): Promise<string | undefined> => {
      const offer = parseOffer(change(client.offer));
      const { sdp, peer } = await engine.answer(offer, planFor(offer), new Recorder());
      peer.close();
      return /a=setup:(.*)\r\n/.exec(sdp)?.[1];
    };
    expect(await setupFor((sdp) => sdp)).toBe("active");
    expect(await setupFor((sdp) => sdp.replace("t=0 0", "t=0 0\r\na=extmap-allow-mixed"))).toBe("passive");
    expect(await setupFor((sdp) => sdp.replaceAll("a=setup:actpass", "a=setup:active"))).toBe("passive");
    expect(await setupFor((sdp) => sdp.replaceAll("a=setup:actpass", "a=setup:passive"))).toBe("active");
  });

  it("does not wait for a repeated handshake, whichever side begins it", async () => {
    const engine = await openEngine();
    for (let round = 0; round < 10; round += 1) {
      using client = await createTestClient({ video: "RecvOnly" });
      const offer = parseOffer(
        round % 2 === 0 ? client.offer : `${client.offer}a=${client.candidates[0]}\r\n`,
      );
      const startedAt = performance.now();
      const { sdp } = await engine.answer(offer, planFor(offer), new Recorder());
      client.accept(sdp);
      await client.connected;
      // OpenSSL repeats after a second.
      expect(performance.now() - startedAt).toBeLessThan(900);
    }
  });

  it("loses no handshake of browsers, whose addresses it learns from their checks", async () => {
    const engine = await openEngine();
    for (let round = 0; round < 10; round += 1) {
      using client = await createTestClient({ video: "RecvOnly" });
      const offer = parseOffer(client.offer.replace("t=0 0", "t=0 0\r\na=extmap-allow-mixed"));
      const startedAt = performance.now();
      const { sdp, peer } = await engine.answer(offer, planFor(offer), new Recorder());
      expect(sdp).toContain("a=setup:passive");
      client.accept(sdp);
      await until(() => peer.state === "connected");
      // This client, which is none, repeats after a second.
      expect(performance.now() - startedAt).toBeLessThan(900);
      peer.close();
    }
    expect(engine.peerCount).toBe(0);
  });

  it("tells when the client closes", async () => {
    const engine = await openEngine();
    // Without SCTP this client leaves without a word, and only ICE consent tells.
    const { client, recorder, peer } = await connect(engine, { video: "RecvOnly", dataChannel: "timed" });
    client.connection.close();
    await until(() => recorder.closed !== undefined);
    expect(recorder.closed).toBe("remote");
    expect(peer.sendRtp(rtpPacket({ type: 102, sequence: 1, ssrc: 1, payload: "" }))).toBe(false);
    expect(engine.peerCount).toBe(0);
  });

  it("takes candidates that come after the answer", async () => {
    const engine = await openEngine();
    using client = await createTestClient({ video: "RecvOnly" });
    const offer = parseOffer(client.offer);
    expect(client.candidates.length).toBeGreaterThan(0);
    const recorder = new Recorder();
    const { peer, sdp } = await engine.answer(offer, planFor(offer), recorder);
    // It does not know where the peer is, which has to find it; and not before it is ready to be found.
    client.accept(withoutCandidates(sdp));
    for (const candidate of client.candidates) peer.addRemoteCandidate(candidate);
    await until(() => peer.state === "connected");
    expect(peer.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it("puts all peers on one port and announces public addresses instead of its own", async () => {
    const engine = await openWebRtcEngine(
      { host: "127.0.0.1", port: 0, publicAddresses: ["192.0.2.7", "2001:db8::7"] },
      { logger: createSilentLogger() },
    );
    engines.push(engine);
    using client = await createTestClient({ video: "RecvOnly" });
    const offer = parseOffer(client.offer);
    const { sdp } = await engine.answer(offer, planFor(offer), new Recorder());
    const candidates = sdp.match(/^a=candidate:.*$/gm) ?? [];
    expect(candidates.map((line) => line.split(" ").slice(4, 6).join(" "))).toEqual([
      `192.0.2.7 ${engine.port}`,
      `2001:db8::7 ${engine.port}`,
    ]);
  });

  it("closes peers whose handshakes never finish, and then has room again", async () => {
    const engine = await openEngine({ maxHalfOpen: 2, handshakeTimeoutMs: 500 });
    using client = await createTestClient({ video: "RecvOnly" });
    const offer = parseOffer(client.offer);
    const recorders = [new Recorder(), new Recorder()];
    for (const recorder of recorders) await engine.answer(offer, planFor(offer), recorder);
    await expect(engine.answer(offer, planFor(offer), new Recorder())).rejects.toMatchObject({
      code: "too-many-half-open",
    });
    await until(() => recorders.every(({ closed }) => closed === "handshake-timeout"));
    expect(engine.handshakeTimeouts).toBe(2);
    await engine.answer(offer, planFor(offer), new Recorder());
    expect(engine.peerCount).toBe(1);
  });

  it("refuses a wrong certificate", async () => {
    const engine = await openEngine();
    using client = await createTestClient({ video: "RecvOnly" });
    const offer = parseOffer(client.offer.replace(/(a=fingerprint:sha-256 )..:../i, "$100:00"));
    const recorder = new Recorder();
    const { sdp } = await engine.answer(offer, planFor(offer), recorder);
    client.accept(sdp);
    await until(() => recorder.closed !== undefined);
    expect(["failed", "handshake-timeout", "remote"]).toContain(recorder.closed);
    expect(recorder.states).not.toContain("connected");
  });

  it("goes on while strangers send garbage to its port", async () => {
    const engine = await openEngine();
    const { client, peer } = await connect(engine, { video: "RecvOnly" });
    using _ = client;
    const socket = createSocket("udp4");
    for (let index = 0; index < 2_000; index += 1) {
      socket.send(Buffer.from([index & 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), engine.port, "127.0.0.1");
    }
    await delay(100);
    socket.close();
    peer.sendRtp(rtpPacket({ type: 102, sequence: 1, ssrc: 1_000, payload: "still here" }));
    await until(() => client.received.get("video")?.length === 1);
  });

  it("counts checks for sessions that nobody has, keeps nothing of them, and goes on", async () => {
    const engine = await openEngine();
    const { client, peer } = await connect(engine, { video: "RecvOnly" });
    using _ = client;
    const before = process.memoryUsage().rss;
    const video = client.received.get("video") ?? [];
    let sequence = 0;
    const send = (payload: string): void => {
      peer.sendRtp(rtpPacket({ type: 102, sequence: sequence++, ssrc: 1_000, payload }));
    };
    const socket = createSocket("udp4");
    await sendStrays(socket, engine.port, 20_000, () => {
      send("meanwhile");
      return engine.strayChecks;
    });
    socket.close();
    expect(engine.strayChecks).toBe(20_000);
    expect(engine.peerCount).toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    expect(video.length).toBeGreaterThan(0);
    await until(() => {
      send("after");
      return video.some((packet) => packet.subarray(12).toString() === "after");
    });
    // Who has a session still gets in.
    const other = await connect(engine, { video: "RecvOnly" });
    other.client[Symbol.dispose]();
  });

  it("lives on when strangers, or viewers who have not heard yet, send checks after its end", async () => {
    const engine = await openEngine();
    await engine.close();
    const socket = createSocket("udp4");
    for (let index = 0; index < 500; index += 1)
      socket.send(iceCheck(`gone${index}:x`), engine.port, "127.0.0.1");
    await delay(100);
    socket.close();
    // The port is there for the next engine.
    const next = await openWebRtcEngine(
      { host: "127.0.0.1", port: engine.port },
      { logger: createSilentLogger() },
    );
    engines.push(next);
    const { client, peer } = await connect(next, { video: "RecvOnly" });
    using _ = client;
    peer.sendRtp(rtpPacket({ type: 102, sequence: 1, ssrc: 1_000, payload: "hello" }));
    await until(() => client.received.get("video")?.length === 1);
  });

  it("drops what a peer sends beyond its rate, and closes it when it does not stop", async () => {
    const engine = await openEngine({ maxPacketsPerSecond: 100 });
    const { client, recorder } = await connect(engine, { video: "SendOnly" });
    using _ = client;
    const video = client.tracks.get("video");
    await until(() => video?.isOpen() === true);
    let sequence = 0;
    const endsAt = performance.now() + 10_000;
    while (recorder.closed === undefined && performance.now() < endsAt) {
      try {
        for (let index = 0; index < 50; index += 1) {
          video?.sendMessageBinary(
            rtpPacket({ type: 102, sequence: sequence++ & 0xffff, ssrc: 1, payload: "x" }),
          );
        }
      } catch (error) {
        // Closed by the engine meanwhile: the client hears of it first.
        if (video?.isOpen() === true) throw error;
      }
      await delay(50);
    }
    expect(recorder.closed).toBe("failed");
    expect(recorder.rtp.length).toBeLessThanOrEqual(500);
  });

  it.each(["::1", "localhost"])("listens on %s", async (host) => {
    const engine = await openWebRtcEngine({ host, port: 0 }, { logger: createSilentLogger() });
    engines.push(engine);
    const probe = await createTestClient({ video: "RecvOnly" });
    const answer = await engine.answer(
      parseOffer(probe.offer),
      planFor(parseOffer(probe.offer)),
      new Recorder(),
    );
    probe[Symbol.dispose]();
    const address = /^a=candidate:\S+ 1 UDP \d+ (\S+) /m.exec(answer.sdp)?.[1];
    const { client, peer } = await connect(engine, {
      video: "RecvOnly",
      ...(address === undefined ? {} : { address }),
    });
    using _ = client;
    peer.sendRtp(rtpPacket({ type: 102, sequence: 1, ssrc: 1_000, payload: "hello" }));
    await until(() => client.received.get("video")?.length === 1);
    expect(peer.remoteAddress).toContain(address === "::1" ? "[::1]:" : "127.0.0.1:");
  });

  it("says which port is taken", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const { port } = socket.address();
    await expect(
      openWebRtcEngine({ host: "127.0.0.1", port }, { logger: createSilentLogger() }),
    ).rejects.toMatchObject({ code: "listen-failed" });
    socket.close();
  });
});
