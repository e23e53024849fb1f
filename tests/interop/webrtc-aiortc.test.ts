import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Debian's Python, which its package python3-aiortc belongs to; CANOPY_TEST_PYTHON names another one. */
const PYTHON = process.env.CANOPY_TEST_PYTHON ?? "/usr/bin/python3";
/** Its encoder takes no keyframe requests and makes one of its own accord every 250 frames. */
const PUBLISHED_FPS = 50;

function run(program: string, args: readonly string[]): StartedProcess {
  return startProcess(PYTHON, [join(import.meta.dirname, "aiortc", program), ...args], {
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
}

/** aiortc: a WebRTC stack in Python, with ICE, DTLS, RTP and codecs that are neither ours nor a browser's. */
describe.concurrent("aiortc", () => {
  let canopy: CanopyDev;

  beforeAll(async () => {
    canopy = await startCanopyDev({ edges: 1 });
  });

  afterAll(async () => {
    await canopy?.stop();
  });

  async function announced(broadcast: string): Promise<string> {
    const [edge = ""] = canopy.edges;
    await waitFor("the broadcast at the edge", async () =>
      (await (await fetch(`${edge}/announced`)).text()).split("\n").includes(broadcast),
    );
    return edge;
  }

  it("publishes by WHIP: its pictures and sound arrive at an edge, until it ends its session", async () => {
    const broadcast = "interop/aiortc-whip";
    const clip = makeClip({ seconds: 10, size: "320x180", fps: PUBLISHED_FPS });
    await using publisher = run("publish.py", [clip, `${canopy.origin}/whip/${broadcast}`]);
    await publisher.printed(/"publishing"/);
    const edge = await announced(broadcast);
    const viewer = await MoqViewer.connect({ url: edge, broadcast, tracks: ["video", "audio"] });
    await waitFor(
      () => `frames; ${JSON.stringify([viewer.view("video").frames, viewer.view("audio").frames])}`,
      () => viewer.view("video").frames >= 75 && viewer.view("audio").frames >= 150,
    );
    await waitFor("a second group", () => viewer.view("video").groupsStarted >= 2);
    const described = await fetch(`${canopy.origin}/v1/broadcasts/${broadcast}`);
    expect(await described.json()).toMatchObject({
      publisher: { protocol: "whip", connected: true },
      bFrames: false,
      tracks: expect.arrayContaining([
        expect.objectContaining({ name: "video", codec: expect.stringMatching(/^avc1\./), width: 320 }),
        expect.objectContaining({ name: "audio", codec: "opus" }),
      ]),
    });
    expect(viewer.view("video").closed).toBe(false);
    expect(await publisher.stop()).toBe(0);
    expect(publisher.output()).toContain('"deleted": 200');
    await waitFor("the end of the broadcast", () => viewer.view("video").closed);
    viewer.close();
  });

  it("plays by WHEP what ffmpeg published by RTMP: it decodes pictures and audible sound", async () => {
    const broadcast = "interop/aiortc-whep";
    // Its jitter buffer has 128 packets, and a group comes at once to whoever joins.
    const clip = makeClip({ seconds: 10, size: "320x180", fps: 25, bitrateKbps: 300 });
    await using _publisher = publishWithFfmpeg(clip, `${canopy.rtmp}/${broadcast}`);
    const edge = await announced(broadcast);
    await using player = run("play.py", [`${edge}/whep/${broadcast}`, "50"]);
    const [line] = await player.printed(/^\{"video".*$/m);
    expect(JSON.parse(line)).toMatchObject({ width: 320, height: 180 });
    // The clip's tone is a sine at an eighth of full scale.
    expect((JSON.parse(line) as { loudest: number }).loudest).toBeGreaterThan(1_000);
    await player.printed(/"deleted": 200/);
    expect(await player.exited).toBe(0);
  });
});
