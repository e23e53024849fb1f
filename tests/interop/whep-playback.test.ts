import {
  encodeEstimatedBitrate,
  parseRtcp,
  rtpTimestampOfUs,
  timestampDistance,
  unixUsOfNtp,
  VIDEO_CLOCK_RATE,
} from "@canopy/media/rtp";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { pictureNumber, SyntheticBroadcast, type SyntheticOptions } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WhepClient, type WhepClientOptions, WhepRefusal } from "../harness/whep-client.ts";
import { WhepEdge, type WhepEdgeOptions } from "../harness/whep-edge.ts";

const PATH = "live/demo";

/** Edges, broadcasts and viewers of the tests of one `describe`, which end with their test. */
function useEdges() {
  const open = closedAfterEach();
  return {
    open,
    startEdge: async (options: WhepEdgeOptions = {}): Promise<WhepEdge> => {
      const edge = await WhepEdge.start(options);
      open.push(edge);
      return edge;
    },
    publish: (edge: WhepEdge, options: Partial<SyntheticOptions> = {}): SyntheticBroadcast => {
      const broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH, ...options });
      open.push(broadcast);
      return broadcast;
    },
    play: async (edge: WhepEdge, options: Partial<WhepClientOptions> = {}): Promise<WhepClient> => {
      const client = await WhepClient.play({ url: edge.url(PATH), ...options });
      open.push(client);
      return client;
    },
  };
}

function numbers(client: WhepClient): (number | undefined)[] {
  return client.pictures.map(({ bytes }) => pictureNumber(bytes));
}

// Each `describe` runs beside the others, at edges of its own: most of it is waiting for media.

describe.concurrent("WHEP playback", () => {
  const { startEdge, publish, play } = useEdges();

  it.sequential("plays video from a keyframe and audio, each picture once and in order", async () => {
    const edge = await startEdge();
    publish(edge).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length >= 60 && client.of("audio").packets >= 100);
    const seen = numbers(client);
    const first = seen[0] ?? -1;
    expect(client.pictures[0]?.isKeyframe).toBe(true);
    expect(seen).toEqual(seen.map((_value, index) => first + index));
    expect(client.of("video").duplicates).toBe(0);
    expect([...client.of("video").payloadTypes]).toEqual([102]);
    expect([...client.of("audio").payloadTypes]).toEqual([111]);
  });

  it.sequential("sends the cached group to whoever comes in the middle of it", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge, { framesPerGroup: 1_000 });
    for (let picture = 0; picture < 50; picture += 1) broadcast.writePicture();
    const clients = [await play(edge), await play(edge)];
    await waitFor("the cached group", () => clients.every(({ pictures }) => pictures.length === 50));
    broadcast.writePicture();
    await waitFor("the next picture", () => clients.every(({ pictures }) => pictures.length === 51));
    for (const client of clients)
      expect(numbers(client)).toEqual(Array.from({ length: 51 }, (_v, index) => index));
  });

  it.sequential("tells the time of capture by sender reports", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge).run();
    const client = await play(edge);
    await waitFor(
      "pictures and reports",
      () => client.pictures.length > 30 && client.of("video").reports.length >= 2,
    );
    // The first report comes before the first packet.
    const report = client.of("video").reports.flatMap((packet) => parseRtcp(packet))[0];
    if (report?.kind !== "sender-report") throw new Error("no sender report came first");
    const referenceUs = unixUsOfNtp(report.ntpSeconds, report.ntpFraction);
    const picture = client.pictures.at(-1);
    const ticks = timestampDistance(report.rtpTimestamp, picture?.rtpTimestamp ?? 0);
    const captureUs = referenceUs + (ticks * 1_000_000) / VIDEO_CLOCK_RATE;
    const number = pictureNumber(picture?.bytes ?? new Uint8Array()) ?? 0;
    const wanted = broadcast.timestampUs - (broadcast.pictures - number) * 33_333;
    expect(Math.abs(captureUs - wanted)).toBeLessThan(1_000);
    expect(report.rtpTimestamp).toBe(rtpTimestampOfUs(Math.round(referenceUs), VIDEO_CLOCK_RATE));
  });

  it.sequential("answers a request for a keyframe with the cached group", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge, { framesPerGroup: 1_000 });
    for (let picture = 0; picture < 20; picture += 1) broadcast.writePicture();
    const client = await play(edge);
    await waitFor("the cached group", () => client.pictures.length === 20);
    client.askForKeyframe();
    await waitFor("the group again", () => client.pictures.length === 40);
    const seen = numbers(client);
    expect(seen.slice(20)).toEqual(seen.slice(0, 20));
    expect(client.of("video").duplicates).toBe(0);
  });

  it.sequential("sends timed messages on the viewer's data channel", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge).run();
    const client = await play(edge, { dataChannel: "timed" });
    // At once: what comes before the channel is open waits for it.
    const before = client.messages.length;
    for (let id = 0; id < 20; id += 1)
      broadcast.writeTimed(JSON.stringify({ v: 1, id: `m${id}`, type: "cue", at: 1, data: id }));
    await waitFor("messages", () => client.messages.length >= before + 20);
    const ids = client.messages.map((json) => (JSON.parse(json) as { id: string }).id);
    expect(ids).toEqual(Array.from({ length: 20 }, (_v, index) => `m${index}`));
  });

  it.sequential("goes on when the publisher comes back", async () => {
    const edge = await startEdge();
    const first = publish(edge).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length >= 30);
    first.end();
    const before = client.pictures.length;
    publish(edge).run();
    await waitFor("pictures of the second publisher", () => client.pictures.length >= before + 40);
    const timestamps = client.pictures.map(({ rtpTimestamp }) => rtpTimestamp);
    const steps = timestamps.slice(1).map((value, index) => timestampDistance(timestamps[index] ?? 0, value));
    expect(steps.every((step) => step > 0)).toBe(true);
    expect(client.state).toBe("connected");
    expect([...client.of("video").ssrcs]).toHaveLength(1);
  });

  it.sequential("ends the session when the publisher comes back with B-frames, so that the viewer asks again", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length > 5);
    broadcast.writeCatalog({
      video: { renditions: { video: { codec: "avc1.64001f" } } },
      canopy: { bFrames: true },
    });
    await waitFor("the end", () => edge.engine.peerCount === 0);
  });

  it.sequential("counts sessions, frames and bytes, and forgets a session that is deleted", async () => {
    const edge = await startEdge();
    publish(edge).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length > 5);
    expect(await edge.metric("canopy_sessions", '{transport="whep"}')).toBe(1);
    expect(await edge.metric("canopy_subscriptions", '{direction="downstream"}')).toBe(2);
    expect(await edge.metric("canopy_sent_bytes_total", '{transport="whep"}')).toBeGreaterThan(10_000);
    expect(await edge.metric("canopy_frames_sent_total", '{kind="video"}')).toBeGreaterThan(5);
    expect(await client.stop()).toBe(200);
    await waitFor(
      "no session",
      async () => (await edge.metric("canopy_sessions", '{transport="whep"}')) === 0,
    );
    expect(await edge.metric("canopy_subscriptions", '{direction="downstream"}')).toBe(0);
    expect(edge.engine.peerCount).toBe(0);
  });
});

describe.concurrent("WHEP renditions", () => {
  const { open, startEdge, publish, play } = useEdges();

  it.sequential("changes to a rendition that fits, on one stream without a gap, and back when the path is free", async () => {
    const edge = await startEdge();
    const broadcast = publish(edge, { videoTracks: ["video", "video-low"], framesPerGroup: 15 }).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length > 5);
    const followers = (name: string): number => broadcast.broadcast.track(name)?.observerCount ?? 0;
    let estimate = 1_100_000;
    const [ssrc] = client.of("video").ssrcs;
    const timer = setInterval(() => client.sendRtcp(encodeEstimatedBitrate(1, estimate, [ssrc ?? 0])), 200);
    open.push({ [Symbol.dispose]: () => clearInterval(timer) });
    await waitFor("the lower rendition", () => followers("video-low") === 1 && followers("video") === 0);
    estimate = 5_000_000;
    await waitFor("the higher rendition", () => followers("video-low") === 0 && followers("video") === 1);
    const { sequences, ssrcs } = client.of("video");
    const ordered = [...sequences].sort((left, right) => left - right);
    expect(ordered).toEqual(ordered.map((_value, index) => (ordered[0] ?? 0) + index));
    expect(ssrcs.size).toBe(1);
    expect(await edge.metric("canopy_webrtc_rendition_changes_total")).toBe(2);
    // The renditions hold the same pictures: around a change some come twice, none is missing.
    const seen = new Set(numbers(client));
    const first = numbers(client)[0] ?? -1;
    expect(seen.size).toBe((numbers(client).at(-1) ?? -1) - first + 1);
  });
});

describe.concurrent("WHEP refusals", () => {
  const { startEdge, publish, play } = useEdges();

  async function refusal(edge: WhepEdge, options: Partial<WhepClientOptions> = {}): Promise<WhepRefusal> {
    const error = await play(edge, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof WhepRefusal) return error;
    throw new Error("it was not refused");
  }

  it.sequential("says 404 for a broadcast that is not there", async () => {
    const edge = await startEdge();
    expect((await refusal(edge)).status).toBe(404);
  });

  it.sequential("says what to change for video with B-frames", async () => {
    const edge = await startEdge();
    publish(edge, { catalog: { canopy: { bFrames: true } } }).run();
    const refused = await refusal(edge);
    expect([refused.status, refused.problem.type]).toEqual([422, "urn:canopy:problem:b-frames"]);
    expect(refused.problem.detail).toContain("Set B-frames to 0");
  });

  it.sequential("plays video alone when the sound is not Opus", async () => {
    const edge = await startEdge();
    publish(edge, {
      catalog: {
        audio: { renditions: { audio: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2 } } },
      },
    }).run();
    const client = await play(edge);
    await waitFor("pictures", () => client.pictures.length > 5);
    expect(client.answer).toMatch(/m=audio 0 /);
  });

  it.sequential("says which codecs a broadcast has that WebRTC cannot carry", async () => {
    const edge = await startEdge();
    publish(edge, {
      catalog: { video: { renditions: { video: { codec: "hvc1.1.6.L93.B0" } } }, audio: { renditions: {} } },
    }).run();
    const refused = await refusal(edge);
    expect([refused.status, refused.problem.type]).toEqual([422, "urn:canopy:problem:no-playable-media"]);
    expect(refused.problem.detail).toContain("hvc1");
  });
});
