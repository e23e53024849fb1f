import { parseCatalog } from "@canopy/media/catalog";
import { isSlice, nalUnitType, splitAnnexB } from "@canopy/media/h264";
import { encodeExtension, H264Packetizer, RtpStream } from "@canopy/media/rtp";
import { createClock, loadTokenKeys, signToken, TokenVerifier } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { TestOrigin } from "../harness/origin.ts";
import { type RecordedFrame, recordTrack } from "../harness/record-track.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WebhookReceiver } from "../harness/webhook-receiver.ts";
import { makeWhipClip, type WhipClip } from "../harness/whip-clip.ts";
import { WhipPublisher, type WhipPublisherOptions } from "../harness/whip-publisher.ts";

const PATH = "live/whip";
const clock = createClock();
function startOrigin(options: Parameters<typeof TestOrigin.start>[0] = {}): Promise<TestOrigin> {
  return TestOrigin.start({ webrtc: {}, ...options });
}

async function publish(
  origin: TestOrigin,
  options: Partial<WhipPublisherOptions> & { readonly clip: WhipClip },
): Promise<WhipPublisher> {
  const publisher = await WhipPublisher.connect({ url: `${origin.api}/whip/${PATH}`, ...options });
  return origin.own(publisher).start();
}

async function record(origin: TestOrigin, track: string): Promise<RecordedFrame[]> {
  const { store } = origin.node;
  await waitFor(`the track ${track}`, () => store.get(PATH)?.track(track)?.latest);
  return recordTrack({ store, clock }, PATH, track);
}

/** The slices of a picture: what must come through as it was sent, whatever is put around them. */
function slices(annexB: Uint8Array): string {
  return splitAnnexB(annexB)
    .filter((nal) => isSlice(nalUnitType(nal[0])))
    .map((nal) => Buffer.from(nal).toString("base64"))
    .join(" ");
}

/** Which pictures of the clip were recorded, by their content. */
function pictures(clip: WhipClip, frames: readonly RecordedFrame[]): number[] {
  const indices = new Map(clip.video.map(({ annexB }, index) => [slices(annexB), index]));
  return frames.map(({ payload }) => indices.get(slices(payload)) ?? -1);
}

function catalogOf(origin: TestOrigin) {
  const frame = origin.node.store.get(PATH)?.track("catalog.json")?.latest?.frames[0];
  return frame === undefined ? undefined : parseCatalog(frame.wire.subarray(frame.payloadOffset));
}

/** Every group starts with a keyframe and goes on with the pictures that follow it in the clip. */
function expectDecodable(clip: WhipClip, frames: readonly RecordedFrame[]): void {
  const indices = pictures(clip, frames);
  for (const [at, frame] of frames.entries()) {
    const index = indices[at] ?? -1;
    expect(index).toBeGreaterThanOrEqual(0);
    if (frame.index === 0) expect(clip.video[index]?.keyframe).toBe(true);
    else if (at > 0) expect(index).toBe(((indices[at - 1] ?? 0) + 1) % clip.video.length);
  }
}

// Each at an origin of its own, and most of it waiting: beside each other.
describe.concurrent("a WHIP publisher", () => {
  it("brings every picture and every packet of sound into the store, in order and with their times", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip();
    const publisher = await publish(origin, { clip });
    const video = await record(origin, "video");
    const audio = await record(origin, "audio");
    await waitFor("five seconds", () => video.length >= 150 && audio.length >= 250);
    publisher.stop();
    const indices = pictures(clip, video);
    const first = publisher.sentVideo.findIndex(({ index }) => index === indices[0]);
    expect(indices).toEqual(
      publisher.sentVideo.slice(first, first + indices.length).map(({ index }) => index),
    );
    for (let at = 1; at < video.length; at += 1) {
      expect((video[at]?.timestampUs ?? 0) - (video[at - 1]?.timestampUs ?? 0)).toBeGreaterThan(20_000);
    }
    expectDecodable(clip, video);
    const sound = clip.audio.map((packet) => Buffer.from(packet).toString("base64"));
    const heard = audio.map(({ payload }) => sound.indexOf(Buffer.from(payload).toString("base64")));
    expect(heard).not.toContain(-1);
    expect(catalogOf(origin)).toMatchObject({
      video: { renditions: { video: { codec: expect.stringMatching(/^avc1\.42/), codedWidth: 640 } } },
      audio: { renditions: { audio: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
      canopy: { publisher: "whip", bFrames: false },
    });
    const response = await fetch(`${origin.api}/v1/broadcasts/${PATH}`);
    expect(await response.json()).toMatchObject({ publisher: { protocol: "whip", connected: true } });
    expect(publisher.count("receiver-report")).toBeGreaterThanOrEqual(3);
  });

  it("has sound and picture where they were captured, though the picture comes late and its clock is an hour off", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip();
    const publisher = await publish(origin, { clip, videoDelayMs: 160, clockOffMs: 3_600_000 });
    const video = await record(origin, "video");
    const audio = await record(origin, "audio");
    await waitFor("six seconds", () => video.length >= 180);
    publisher.stop();
    const indices = pictures(clip, video);
    const first = publisher.sentVideo.findIndex(({ index }) => index === indices[0]);
    const lateness = (frame: RecordedFrame | undefined, capturedUs: number | undefined): number =>
      ((frame?.timestampUs ?? Number.NaN) - (capturedUs ?? Number.NaN)) / 1_000;
    const videoLate = video.map((frame, at) => lateness(frame, publisher.sentVideo[first + at]?.capturedUs));
    const sound = clip.audio.map((packet) => Buffer.from(packet).toString("base64"));
    const firstSound = Buffer.from(audio[0]?.payload ?? new Uint8Array()).toString("base64");
    const firstIndex = publisher.sentAudio.findIndex(({ index }) => sound[index] === firstSound);
    const audioLate = audio.map((frame, at) =>
      lateness(frame, publisher.sentAudio[firstIndex + at]?.capturedUs),
    );
    const settled = (values: readonly number[]): number[] => values.slice(-60);
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean(settled(videoLate)) - mean(settled(audioLate)))).toBeLessThan(20);
    // No step and no way back on the way there.
    for (const frames of [video, audio]) {
      for (let at = 1; at < frames.length; at += 1) {
        expect((frames[at]?.timestampUs ?? 0) - (frames[at - 1]?.timestampUs ?? 0)).toBeGreaterThan(0);
      }
    }
  });

  it("loses nothing at 10% loss: what is missing is asked for and comes", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false });
    let count = 0;
    const loses = (_kind: string, _sequence: number, isRepeat: boolean): boolean =>
      !isRepeat && count++ % 10 === 3;
    const publisher = await publish(origin, { clip, loses });
    const video = await record(origin, "video");
    await waitFor("five seconds", () => video.length >= 150);
    publisher.stop();
    const indices = pictures(clip, video);
    const first = publisher.sentVideo.findIndex(({ index }) => index === indices[0]);
    expect(indices).toEqual(
      publisher.sentVideo.slice(first, first + indices.length).map(({ index }) => index),
    );
    expect(publisher.lostPackets).toBeGreaterThan(20);
    expect(publisher.repeatedPackets).toBeGreaterThanOrEqual(publisher.lostPackets - 10);
  });

  it("shows no broken picture after loss that is not made good, and goes on at a keyframe that was asked for", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false, keyframeInterval: 300, seconds: 10 });
    const startedMs = Date.now();
    let flowingMs = Number.POSITIVE_INFINITY;
    // Two bursts in which nothing comes through, however often it is repeated.
    const isBurst = (): boolean => {
      const ms = Date.now() - flowingMs;
      return (ms > 500 && ms < 900) || (ms > 2_500 && ms < 2_900);
    };
    const lost = new Set<number>();
    const loses = (_kind: string, sequence: number, isRepeat: boolean): boolean => {
      if (!isRepeat && isBurst()) lost.add(sequence);
      return lost.has(sequence);
    };
    const publisher = await publish(origin, { clip, loses });
    const video = await record(origin, "video");
    flowingMs = Date.now();
    await waitFor("three groups and more", () => Date.now() - flowingMs > 4_500);
    publisher.stop();
    const seconds = (Date.now() - startedMs) / 1_000;
    expect(lost.size).toBeGreaterThan(0);
    expect(new Set(video.map(({ group }) => group)).size).toBeGreaterThanOrEqual(3);
    expectDecodable(clip, video);
    expect(publisher.count("pli")).toBeLessThanOrEqual(Math.ceil(seconds));
    const newest = video.at(-1)?.arrivalUs ?? 0;
    expect(clock.nowUs() - newest).toBeLessThan(1_500_000);
  });

  it("is asked for a keyframe when a group grows older than two seconds, once a second at most", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false, keyframeInterval: 300, seconds: 10 });
    const publisher = await publish(origin, { clip });
    const video = await record(origin, "video");
    await waitFor("five seconds", () => video.length >= 150);
    publisher.stop();
    const groups = new Set(video.map(({ group }) => group)).size;
    expect(groups).toBeGreaterThanOrEqual(3);
    expect(groups).toBeLessThanOrEqual(4);
    expect(publisher.count("pli")).toBeLessThanOrEqual(5);
  });

  it("may send sound alone, or a picture alone", async () => {
    await using origin = await startOrigin();
    for (const kind of ["audio", "video"] as const) {
      const clip = makeWhipClip({ [kind === "audio" ? "video" : "audio"]: false });
      const publisher = await publish(origin, { clip });
      const frames = await record(origin, kind);
      await waitFor(`a second of ${kind}`, () => frames.length >= 30);
      const catalog = catalogOf(origin);
      // Beside the publisher's own sound stands what can be made of it.
      expect(Object.keys(catalog?.[kind]?.renditions ?? {})[0]).toBe(kind);
      expect(catalog?.[kind === "audio" ? "video" : "audio"]).toBeUndefined();
      expect(await publisher.end()).toBe(200);
      await waitFor("the end", () => origin.node.registry.get(PATH) === undefined);
    }
  });

  it("who asks for a path that is published gets 409, and comes in when the first one is gone", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false });
    const first = await publish(origin, { clip });
    await record(origin, "video");
    await expect(publish(origin, { clip })).rejects.toThrow(/^409 .*is being published already/);
    expect(await first.end()).toBe(200);
    const second = await waitFor("the path to be free", () => publish(origin, { clip }));
    expect(second.location).not.toBe(first.location);
  });

  it("takes a path over where the operator wants that", async () => {
    await using origin = await startOrigin({ ingest: { publisherConflict: "takeover" } });
    const clip = makeWhipClip({ audio: false });
    const first = await publish(origin, { clip });
    await record(origin, "video");
    const second = await publish(origin, { clip });
    await waitFor("the first one to be gone", () => origin.webrtc?.peerCount === 1);
    expect((await fetch(first.location, { method: "DELETE" })).status).toBe(404);
    expect(second.connection.state()).toBe("connected");
    expect(origin.node.registry.get(PATH)?.connected).toBe(true);
    expect(origin.webrtc?.peerCount).toBe(1);
  });

  it("continues its broadcast when it comes back after its connection was lost", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false });
    const first = await publish(origin, { clip });
    const video = await record(origin, "video");
    await waitFor("a second", () => video.length >= 30);
    const ingest = origin.node.registry.get(PATH);
    // Without a word over HTTP: the tab was closed.
    await first[Symbol.asyncDispose]();
    await waitFor("the loss to be seen", () => ingest?.connected === false);
    expect(origin.node.registry.get(PATH)).toBe(ingest);
    const before = video.length;
    await publish(origin, { clip });
    await waitFor("another second", () => video.length >= before + 30);
    expect(origin.node.registry.get(PATH)).toBe(ingest);
    expect(video[before]?.group).toBe((video[before - 1]?.group ?? 0) + 1);
    for (let at = 1; at < video.length; at += 1) {
      expect((video[at]?.timestampUs ?? 0) - (video[at - 1]?.timestampUs ?? 0)).toBeGreaterThan(0);
    }
  });

  it("is gone at once when it ends its session, and its session's URL with it", async () => {
    await using origin = await startOrigin();
    const publisher = await publish(origin, { clip: makeWhipClip({ audio: false }) });
    await record(origin, "video");
    expect(await publisher.end()).toBe(200);
    await waitFor("the end of the broadcast", () => origin.node.registry.get(PATH) === undefined, 4_000);
    expect((await fetch(publisher.location, { method: "DELETE" })).status).toBe(404);
    expect(origin.webrtc?.peerCount).toBe(0);
  });

  it("is kicked by the operator", async () => {
    await using origin = await startOrigin();
    const publisher = await publish(origin, { clip: makeWhipClip({ audio: false }) });
    await record(origin, "video");
    const response = await fetch(`${origin.api}/v1/broadcasts/${PATH}`, { method: "DELETE" });
    expect(response.status).toBe(204);
    expect(origin.node.registry.get(PATH)).toBeUndefined();
    expect(origin.webrtc?.peerCount).toBe(0);
    expect((await fetch(publisher.location, { method: "DELETE" })).status).toBe(404);
  });

  it("needs a token that may publish the path, and loses its session when the token expires", async () => {
    const jwk = JSON.stringify({ kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") });
    const keys = await loadTokenKeys(jwk);
    const [key] = keys;
    if (key === undefined) throw new Error("no key");
    const token = (put: string): Promise<string> => {
      const nowSeconds = Math.floor(Date.now() / 1_000);
      return signToken(
        { root: "live", put: [put], get: [], issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 5 },
        key,
      );
    };
    const verifier = new TokenVerifier({ keys }, { clock });
    await using origin = await startOrigin({ verifier });
    const clip = makeWhipClip({ audio: false });
    const url = `${origin.api}/whip/${PATH}`;
    const other = await token("elsewhere");
    await expect(publish(origin, { clip, url: `${url}?jwt=${other}` })).rejects.toThrow(/^403 /);
    await expect(publish(origin, { clip, url: `${url}?jwt=x.y.z` })).rejects.toThrow(/^401 /);
    const good = await token("whip");
    const publisher = await publish(origin, { clip, url: `${url}?jwt=${good}` });
    await record(origin, "video");
    await waitFor("the end of the session", () => origin.webrtc?.peerCount === 0);
    publisher.stop();
    await waitFor("the end of the broadcast", () => origin.node.registry.get(PATH) === undefined);
  });

  it("is told of by webhooks", async () => {
    await using receiver = await WebhookReceiver.start();
    await using origin = await startOrigin({ webhooks: receiver.options });
    const publisher = await publish(origin, { clip: makeWhipClip({ audio: false }) });
    await record(origin, "video");
    await publisher.end();
    await waitFor("four events", () => receiver.events.length === 4);
    expect(receiver.events.map(({ type }) => type)).toEqual([
      "broadcast.started",
      "session.opened",
      "session.closed",
      "broadcast.ended",
    ]);
    expect(receiver.events[1]?.data).toMatchObject({ transport: "whip", path: PATH });
    expect(receiver.events[3]?.data).toMatchObject({ broadcast: PATH, protocol: "whip" });
  });

  it("becomes a rendition per simulcast layer, told apart by the names in its packets", async () => {
    await using origin = await startOrigin();
    const clip = makeWhipClip({ audio: false });
    const rids = ["q", "f"];
    const publisher = await WhipPublisher.connect({
      url: `${origin.api}/whip/${PATH}`,
      clip,
      editOffer: (sdp) =>
        sdp
          .replace(/^a=ssrc:.*\r\n/gm, "")
          .replace(
            /^a=mid:video\r\n/m,
            "a=mid:video\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" +
              "a=rid:q send\r\na=rid:f send\r\na=simulcast:send q;f\r\n",
          ),
    });
    origin.own(publisher);
    expect(publisher.answer).toContain("a=simulcast:recv q;f");
    const layers = rids.map((rid, index) => {
      const extension = encodeExtension([{ id: 4, value: Buffer.from(rid) }]);
      return new H264Packetizer(new RtpStream({ ssrc: 500 + index, payloadType: 102, extension }));
    });
    const packets: Uint8Array[] = [];
    for (const [at, { annexB }] of clip.video.slice(0, 30).entries()) {
      for (const layer of layers) layer.packetize(annexB, at * 3_000, packets);
      for (const packet of packets.splice(0)) publisher.sendRaw(packet);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await waitFor(
      "both renditions",
      () => Object.keys(catalogOf(origin)?.video?.renditions ?? {}).length === 2,
    );
    for (const rid of rids) {
      const meter = origin.node.registry.get(PATH)?.videoMeter(`video-${rid}`);
      await waitFor(`the pictures of ${rid}`, () => meter?.frames === 30);
    }
  });

  it("counts as a session, and its bytes are counted", async () => {
    await using origin = await startOrigin();
    await publish(origin, { clip: makeWhipClip({ audio: false }) });
    await record(origin, "video");
    const text = await waitFor("the counts", async () => {
      const page = await origin.metrics.expose();
      return /canopy_received_bytes_total\{transport="whip"\} [1-9]/.test(page) ? page : undefined;
    });
    expect(text).toContain('canopy_sessions{transport="whip"} 1');
  });
});
