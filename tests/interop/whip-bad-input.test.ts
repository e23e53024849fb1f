import { encodeGoodbye, encodePictureLossIndication } from "@canopy/media/rtp";
import { Audio, PeerConnection, Video } from "node-datachannel";
import { beforeAll, describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { TestOrigin } from "../harness/origin.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { waitFor } from "../harness/wait-for.ts";
import { makeWhipClip, type WhipClip } from "../harness/whip-clip.ts";
import { createOffer, postOffer, WhipPublisher } from "../harness/whip-publisher.ts";

/** Origins and publishers of the tests of one `describe`, which end with their test. */
function useOrigins() {
  const open = closedAfterEach();
  return {
    startOrigin: async (limits: Parameters<typeof TestOrigin.start>[0] = {}): Promise<TestOrigin> => {
      const origin = await TestOrigin.start({ webrtc: {}, ...limits });
      open.push(origin);
      return origin;
    },
    publish: async (origin: TestOrigin, path: string, clip: WhipClip): Promise<WhipPublisher> => {
      const publisher = await WhipPublisher.connect({ url: `${origin.api}/whip/${path}`, clip });
      open.push(publisher);
      return publisher.start();
    },
  };
}

/** A well-formed offer behind whose candidates nobody stands. */
async function deadOffer(codec: "h264" | "vp8" | "pcmu" = "h264"): Promise<string> {
  const connection = new PeerConnection("dead", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  if (codec === "pcmu") {
    const audio = new Audio("0", "SendOnly");
    audio.addAudioCodec(0, "PCMU");
    connection.addTrack(audio);
  } else {
    const video = new Video("0", "SendOnly");
    if (codec === "h264") video.addH264Codec(102);
    else video.addVP8Codec(96);
    connection.addTrack(video);
  }
  const sdp = await createOffer(connection);
  connection.close();
  return sdp;
}

/** Pictures keep coming at the origin while `run` does its worst. */
async function undisturbed(origin: TestOrigin, path: string, run: () => Promise<void>): Promise<void> {
  const frames = (): number => origin.node.registry.get(path)?.videoMeter("video").frames ?? 0;
  await waitFor("pictures", () => frames() > 10);
  await run();
  const before = frames();
  await waitFor("more pictures", () => frames() >= before + 30);
  expect(origin.node.registry.get(path)?.videoMeter("video").droppedFrames).toBe(0);
}

async function problem(response: Response): Promise<{ status: number; type: string; detail: string }> {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  return (await response.json()) as { status: number; type: string; detail: string };
}

/** Making it stops this process, which all the origins are in. */
let clip: WhipClip;
beforeAll(() => {
  clip = makeWhipClip({ audio: false });
});

// Each `describe` runs beside the others, at origins of its own: most of it is waiting.

describe.concurrent("bad offers", () => {
  const { startOrigin } = useOrigins();

  it.sequential("are answered with what is wrong with them", async () => {
    const origin = await startOrigin();
    const url = `${origin.api}/whip/live/x`;
    for (const sdp of [
      "v=0",
      "not sdp",
      `${"a=x\r\n".repeat(2_000)}`,
      (await deadOffer()).replace("a=ice-ufrag", "a=x"),
    ]) {
      expect(await problem(await postOffer(url, sdp))).toMatchObject({
        status: 400,
        type: "urn:canopy:problem:malformed-sdp",
      });
    }
    const json = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await problem(json)).toMatchObject({ status: 415 });
    expect(await problem(await postOffer(url, await deadOffer("vp8")))).toMatchObject({
      status: 422,
      type: "urn:canopy:problem:unsupported-sdp",
      detail: expect.stringMatching(/vp8.*send H\.264/),
    });
    expect(await problem(await postOffer(url, await deadOffer("pcmu")))).toMatchObject({
      status: 422,
      detail: expect.stringMatching(/pcmu.*send Opus/),
    });
    expect(await problem(await postOffer(`${origin.api}/whip/a/../b%00`, await deadOffer()))).toMatchObject({
      status: 400,
    });
    expect(await problem(await postOffer(url, "x".repeat(100_000)))).toMatchObject({ status: 413 });
    expect(origin.node.whip?.size).toBe(0);
    expect([...origin.node.registry]).toEqual([]);
  });

  it.sequential("are refused in every mutation with a 4xx or taken, never with a 500", async () => {
    const origin = await startOrigin({ webrtc: { handshakeTimeoutMs: 500, maxHalfOpen: 1_000 } });
    const random = seededRandom(7);
    const offer = await deadOffer();
    const statuses = new Set<number>();
    for (let round = 0; round < 150; round++) {
      const at = Math.floor(random() * offer.length);
      const length = Math.floor(random() * 40);
      const noise = String.fromCharCode(
        ...Array.from({ length: Math.floor(random() * 8) }, () => random() * 128),
      );
      const sdp = offer.slice(0, at) + noise + offer.slice(at + length);
      statuses.add((await postOffer(`${origin.api}/whip/live/${round}`, sdp)).status);
    }
    for (const status of statuses) expect([201, 400, 422]).toContain(status);
  });
});

describe.concurrent("half-open sessions", () => {
  const { startOrigin, publish } = useOrigins();

  it.sequential("are bounded, take no path from anybody, and are cleaned up", async () => {
    // Long enough that none of them is over before all were asked for.
    const origin = await startOrigin({ webrtc: { maxHalfOpen: 20, handshakeTimeoutMs: 8_000 } });
    await publish(origin, "live/good", clip);
    await undisturbed(origin, "live/good", async () => {
      const offer = await deadOffer();
      const statuses: number[] = [];
      for (let i = 0; i < 60; i++) {
        const response = await postOffer(`${origin.api}/whip/live/dead-${i % 3}`, offer);
        statuses.push(response.status);
        if (response.status === 503) expect(response.headers.get("retry-after")).toBe("1");
      }
      expect(statuses.filter((status) => status === 201)).toHaveLength(20);
      expect(new Set(statuses)).toEqual(new Set([201, 503]));
      expect([...origin.node.registry].map(({ path }) => path)).toEqual(["live/good"]);
    });
    await waitFor(
      "the clean-up",
      () => origin.webrtc?.halfOpenCount === 0 && origin.node.whip?.size === 1,
      60_000,
    );
    expect(await origin.metrics.expose()).toContain('canopy_sessions{transport="whip"} 1');
    await publish(origin, "live/dead-0", clip);
    await waitFor("the path", () => origin.node.registry.get("live/dead-0")?.connected);
  });
});

describe.concurrent("a connected publisher that misbehaves", () => {
  const { startOrigin, publish } = useOrigins();

  it.sequential("with garbage, foreign sources and a flood of RTCP harms nobody's stream, not even its own", async () => {
    const origin = await startOrigin();
    await publish(origin, "live/good", clip);
    const bad = await publish(origin, "live/bad", clip);
    await waitFor(
      "its pictures",
      () => (origin.node.registry.get("live/bad")?.videoMeter("video").frames ?? 0) > 10,
    );
    const random = seededRandom(3);
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random() * 256);
    let sent = 0;
    await undisturbed(origin, "live/good", async () => {
      for (let burst = 0; burst < 60; burst++) {
        for (let i = 0; i < 20; i++) {
          // Anything at all, as far as it can be encrypted.
          const anything = bytes(12 + Math.floor(random() * 200));
          anything[0] = 0x80 | Math.floor(random() * 64);
          if (bad.sendRaw(anything)) sent++;
          // RTP of a source that was not agreed on.
          const foreign = bytes(100);
          foreign.set([0x80, 102]);
          bad.sendRaw(foreign);
          // RTCP: well-formed, cut off, and noise.
          bad.sendRaw(encodePictureLossIndication(1, 2));
          bad.sendRaw(encodeGoodbye([1, 2, 3]).subarray(0, 12));
          const noise = bytes(40);
          noise.set([0x81, 200 + Math.floor(random() * 8)]);
          bad.sendRaw(noise);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    expect(sent).toBeGreaterThan(200);
    const ingest = origin.node.registry.get("live/bad");
    expect(ingest?.connected).toBe(true);
    const before = ingest?.videoMeter("video").frames ?? 0;
    await waitFor("its own pictures", () => (ingest?.videoMeter("video").frames ?? 0) > before + 30);
    expect([...(ingest?.broadcast.tracks.keys() ?? [])].sort()).toEqual(["catalog.json", "timed", "video"]);
  });
});
