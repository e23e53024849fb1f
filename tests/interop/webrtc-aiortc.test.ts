import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { makeClip } from "../harness/ffmpeg.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Debian's Python, which its package python3-aiortc belongs to; CANOPY_TEST_PYTHON names another one. */
const PYTHON = process.env.CANOPY_TEST_PYTHON ?? "/usr/bin/python3";
const SECONDS = 40;

function run(program: string, args: readonly string[]): StartedProcess {
  return startProcess(PYTHON, [join(import.meta.dirname, "aiortc", program), ...args]);
}

/** aiortc: a WebRTC stack in Python, with ICE, DTLS, RTP and codecs that are neither ours nor a browser's. */
describe("aiortc", () => {
  const broadcast = "interop/aiortc";
  let canopy: CanopyDev;
  let publisher: StartedProcess;

  beforeAll(async () => {
    canopy = await startCanopyDev({ edges: 1 });
    const clip = makeClip({ seconds: 10, size: "320x180", fps: 25 });
    publisher = run("publish.py", [clip, `${canopy.origin}/whip/${broadcast}`, String(SECONDS)]);
    await publisher.printed(/"publishing"/);
  });

  afterAll(async () => {
    await publisher?.stop();
    await canopy?.stop();
  });

  it("publishes by WHIP: its pictures and sound arrive at an edge, in groups of a few seconds", async () => {
    const viewer = await waitFor("the broadcast at the edge", () =>
      MoqViewer.connect({ url: canopy.edges[0] ?? "", broadcast, tracks: ["video", "audio"] }),
    );
    await waitFor(
      () => `frames; ${JSON.stringify([viewer.view("video").frames, viewer.view("audio").frames])}`,
      () => viewer.view("video").frames >= 75 && viewer.view("audio").frames >= 150,
    );
    await waitFor("a second group", () => viewer.view("video").groupsStarted >= 2);
    viewer.close();
    const response = await fetch(`${canopy.origin}/v1/broadcasts/${broadcast}`);
    expect(await response.json()).toMatchObject({
      publisher: { protocol: "whip", connected: true },
      bFrames: false,
      tracks: expect.arrayContaining([
        expect.objectContaining({ name: "video", codec: expect.stringMatching(/^avc1\./), width: 320 }),
        expect.objectContaining({ name: "audio", codec: "opus" }),
      ]),
    });
  });

  it("plays by WHEP what was published by WHIP: it decodes pictures and audible sound", async () => {
    const player = run("play.py", [`${canopy.edges[0]}/whep/${broadcast}`, "50"]);
    const [line] = await player.printed(/^\{"video".*$/m);
    expect(JSON.parse(line)).toMatchObject({ width: 320, height: 180 });
    // The clip's tone is a sine at an eighth of full scale.
    expect((JSON.parse(line) as { loudest: number }).loudest).toBeGreaterThan(1_000);
    await player.printed(/"deleted": 200/);
    expect(await player.exited).toBe(0);
  });

  it("ends its session as WHIP says, and the broadcast ends", async () => {
    await publisher.printed(/"deleted": 200/);
    await waitFor(
      "the end of the broadcast",
      async () => (await fetch(`${canopy.origin}/v1/broadcasts/${broadcast}`)).status === 404,
    );
  });
});
