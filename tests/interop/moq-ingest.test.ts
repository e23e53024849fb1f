import { execFileSync } from "node:child_process";
import { type Catalog, encodeCatalog, parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame, encodeLegacyFrame } from "@canopy/media/container";
import { annexBToAvcc, buildAvcDecoderConfig, isKeyframe, joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import { encodeTimedMessage, encodeTimedSei, readTimedMessages } from "@canopy/media/timed";
import { forwardEvents, MoqSession, ServedBroadcast, ServedTrack } from "@canopy/protocol";
import type { Track } from "@canopy/relay";
import { FULL_GRANT, scopeSession } from "@canopy/runtime";
import { createMemoryPair, MemoryClock } from "@canopy/transport/memory";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { makeClip } from "../harness/ffmpeg.ts";
import { type StartOriginOptions, TestOrigin } from "../harness/origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/camera";
const FRAME_US = 33_333;
const INFO = { priority: 60, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };
const open = closedAfterEach();

async function startOrigin(options: StartOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start({ rtmp: undefined, ...options });
  open.push(origin);
  return origin;
}

/** Access units in Annex B: an IDR with parameter sets, then 29 P pictures. */
function accessUnits(): Uint8Array[] {
  const filters = ["-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert"];
  const clip = makeClip({ seconds: 2, audio: false });
  const bytes = execFileSync("ffmpeg", [
    "-v",
    "error",
    "-i",
    clip,
    "-c",
    "copy",
    ...filters,
    "-f",
    "h264",
    "-",
  ]);
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(bytes)) {
    if ((nal[0] ?? 0) % 32 === 9) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units.slice(0, 30).map(joinAnnexB);
}

const UNITS = accessUnits();

interface PublishOptions {
  readonly catalog: Catalog;
  readonly tracks: readonly string[];
  readonly path?: string;
  readonly protocol?: string;
}

/** A publisher as a browser is one: announces a broadcast and serves its tracks over MoQ. */
class MoqPublisher implements AsyncDisposable {
  readonly tracks: ReadonlyMap<string, ServedTrack>;
  readonly catalog: ServedTrack;
  closed: { code: number | undefined; reason: string } | undefined;
  readonly #broadcast: ServedBroadcast;
  readonly #close: () => void;

  constructor(origin: TestOrigin, options: PublishOptions) {
    this.tracks = new Map(options.tracks.map((name) => [name, new ServedTrack(name, INFO, 0)]));
    this.catalog = new ServedTrack("catalog.json", INFO, 0);
    this.#broadcast = new ServedBroadcast(options.path ?? PATH, [this.catalog, ...this.tracks.values()]);
    this.announceCatalog(options.catalog);
    const clock = new MemoryClock({ automatic: true });
    const pair = createMemoryPair({ clock, protocol: options.protocol ?? "moq-lite-05", path: "/" });
    const { client, server } = pair;
    const moq: MoqSession = new MoqSession(
      { wire: client, role: "client", originId: 77 },
      this.#broadcast.handler({ onReady: () => {}, onGoaway: () => {} }),
    );
    client.handler = forwardEvents(moq, ({ code, reason }) => {
      this.closed = { code, reason };
    });
    origin.node.acceptSession(server, async () => scopeSession(FULL_GRANT, ""));
    this.#close = () => client.close(0, "done");
    open.push(this);
  }

  announceCatalog(catalog: Catalog): void {
    this.catalog.startGroup();
    this.catalog.write(0, encodeCatalog(catalog));
    this.catalog.finishGroup();
  }

  track(name: string): ServedTrack {
    const track = this.tracks.get(name);
    if (track === undefined) throw new Error(`no track ${name}`);
    return track;
  }

  write(name: string, timestampUs: number, payload: Uint8Array, keyframe: boolean): void {
    if (keyframe) this.track(name).startGroup();
    this.track(name).write(timestampUs, encodeLegacyFrame(timestampUs, payload));
  }

  unannounce(): void {
    this.#broadcast.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }
}

function storedFrames(
  track: Track | undefined,
): { group: number; timestampUs: number; payload: Uint8Array }[] {
  return (track?.groups ?? []).flatMap((group) =>
    group.frames.map((frame) => {
      const { timestampUs, payload } = decodeLegacyFrame(frame.wire.subarray(frame.payloadOffset));
      expect(frame.timestamp).toBe(timestampUs);
      return { group: group.sequence, timestampUs, payload };
    }),
  );
}

async function readyTrack(origin: TestOrigin, name: string): Promise<Track> {
  return waitFor(`the track ${name}`, () => origin.node.store.get(PATH)?.track(name));
}

function latestCatalog(origin: TestOrigin): Catalog | undefined {
  const frame = origin.node.store.get(PATH)?.track("catalog.json")?.latest?.frames[0];
  return frame === undefined ? undefined : parseCatalog(frame.wire.subarray(frame.payloadOffset));
}

const CATALOG: Catalog = {
  video: { renditions: { hd: { codec: "avc1.42c01e", codedWidth: 640, codedHeight: 360, framerate: 30 } } },
  audio: { renditions: { sound: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
  chat: { track: "chat" },
};

/** What the origin offers beside the publisher's Opus. */
const BRIDGED = {
  codec: "mp4a.40.2",
  description: "1190",
  sampleRate: 48_000,
  numberOfChannels: 2,
  bitrate: 128_000,
};

describe("MoQ publishing", () => {
  for (const protocol of ["moq-lite-05", "moq-lite-04"]) {
    it(`re-publishes what a publisher announces in Canopy's form (${protocol})`, async () => {
      const origin = await startOrigin();
      const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"], protocol });
      await readyTrack(origin, "hd");
      expect(latestCatalog(origin)).toEqual({
        ...CATALOG,
        audio: { renditions: { ...CATALOG.audio?.renditions, "sound-aac": BRIDGED } },
        canopy: {
          bridges: { "sound-aac": "sound" },
          timed: { track: "timed" },
          publisher: "moq",
          bFrames: false,
        },
      });
      await waitFor("the subscription", () => publisher.track("hd").subscribers === 1);
      const startUs = Date.now() * 1_000 - 1_500_000;
      UNITS.forEach((unit, index) => {
        publisher.write("hd", startUs + index * FRAME_US, unit, index === 0);
        publisher.write("sound", startUs + index * 20_000, Buffer.from([0xfc, index]), index % 10 === 0);
      });
      const video = await waitFor("the frames", () => {
        const frames = storedFrames(origin.node.store.get(PATH)?.track("hd"));
        return frames.length === 30 ? frames : undefined;
      });
      expect(video.map((frame) => frame.timestampUs)).toEqual(
        UNITS.map((_, index) => startUs + index * FRAME_US),
      );
      expect(new Set(video.map((frame) => frame.group)).size).toBe(1);
      expect(isKeyframe(video[0]?.payload ?? new Uint8Array())).toBe(true);
      const sound = storedFrames(origin.node.store.get(PATH)?.track("sound"));
      expect(sound.map((frame) => frame.payload[1])).toEqual(UNITS.map((_, index) => index));
      expect(new Set(sound.map((frame) => frame.group)).size).toBe(2);
      const description = await (await fetch(`${origin.api}/v1/broadcasts/${PATH}`)).json();
      expect(description).toMatchObject({ publisher: { protocol: "moq", connected: true } });
    });
  }

  it("anchors timestamps that are no wall-clock time, with audio and video in step", async () => {
    const origin = await startOrigin();
    const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await readyTrack(origin, "hd");
    await waitFor("the subscription", () => publisher.track("sound").subscribers === 1);
    const writtenUs = Date.now() * 1_000;
    publisher.write("hd", 5_000_000, UNITS[0] ?? new Uint8Array(), true);
    publisher.write("sound", 5_000_000, Buffer.from([0xfc, 0]), true);
    publisher.write("hd", 5_000_000 + FRAME_US, UNITS[1] ?? new Uint8Array(), false);
    const video = await waitFor("the frames", () => {
      const frames = storedFrames(origin.node.store.get(PATH)?.track("hd"));
      return frames.length === 2 ? frames : undefined;
    });
    const sound = storedFrames(origin.node.store.get(PATH)?.track("sound"));
    // When it arrived, however long that took.
    expect(video[0]?.timestampUs).toBeGreaterThan(writtenUs - 1_000_000);
    expect(video[0]?.timestampUs).toBeLessThan(Date.now() * 1_000 + 1_000_000);
    expect(Math.abs((sound[0]?.timestampUs ?? 0) - (video[0]?.timestampUs ?? 0))).toBeLessThan(20_000);
  });

  it("makes Annex B of streams with an avcC description, and puts timed messages into them", async () => {
    const origin = await startOrigin();
    const first = splitAnnexB(UNITS[0] ?? new Uint8Array());
    const avcC = buildAvcDecoderConfig({
      sps: first.filter((nal) => (nal[0] ?? 0) % 32 === 7),
      pps: first.filter((nal) => (nal[0] ?? 0) % 32 === 8),
    });
    const description = Buffer.from(avcC).toString("hex");
    const catalog = { video: { renditions: { hd: { codec: "avc1.42c01e", description } } } };
    const publisher = new MoqPublisher(origin, { catalog, tracks: ["hd"] });
    await readyTrack(origin, "hd");
    expect(latestCatalog(origin)?.video?.renditions.hd).toEqual({ codec: "avc1.42c01e" });
    await waitFor("the subscription", () => publisher.track("hd").subscribers === 1);
    const startUs = Date.now() * 1_000;
    const slices = (unit: Uint8Array): Uint8Array =>
      joinAnnexB(splitAnnexB(unit).filter((nal) => ![7, 8].includes((nal[0] ?? 0) % 32)));
    publisher.write("hd", startUs, annexBToAvcc(slices(UNITS[0] ?? new Uint8Array())), true);
    await waitFor(
      "the first frame",
      () => storedFrames(origin.node.store.get(PATH)?.track("hd")).length === 1,
    );
    const response = await fetch(`${origin.api}/v1/broadcasts/${PATH}/timed`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "cue", data: 1, at: startUs + FRAME_US }),
    });
    const { id } = (await response.json()) as { id: string };
    publisher.write("hd", startUs + FRAME_US, annexBToAvcc(UNITS[1] ?? new Uint8Array()), false);
    const frames = await waitFor("the second frame", () => {
      const stored = storedFrames(origin.node.store.get(PATH)?.track("hd"));
      return stored.length === 2 ? stored : undefined;
    });
    expect(splitAnnexB(frames[0]?.payload ?? new Uint8Array()).map((nal) => (nal[0] ?? 0) % 32)).toEqual(
      expect.arrayContaining([7, 8, 5]),
    );
    expect(readTimedMessages(frames[1]?.payload ?? new Uint8Array()).map((read) => read.message.id)).toEqual([
      id,
    ]);
  });

  it("puts messages that the publisher had in his own frames on the timed track, once", async () => {
    const origin = await startOrigin();
    const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await readyTrack(origin, "hd");
    await waitFor("the subscription", () => publisher.track("hd").subscribers === 1);
    const startUs = Date.now() * 1_000;
    const bytes = encodeTimedMessage({ v: 1, id: "own", type: "cue", at: startUs, data: 5 });
    for (let index = 0; index < 3; index++) {
      const unit = UNITS[index] ?? new Uint8Array();
      const nals = splitAnnexB(unit);
      const slice = nals.findIndex((nal) => [1, 5].includes((nal[0] ?? 0) % 32));
      const withSei = joinAnnexB([...nals.slice(0, slice), encodeTimedSei(bytes), ...nals.slice(slice)]);
      publisher.write("hd", startUs + index * FRAME_US, withSei, index === 0);
    }
    await waitFor("the frames", () => storedFrames(origin.node.store.get(PATH)?.track("hd")).length === 3);
    const timed = origin.node.store.get(PATH)?.track("timed")?.groups ?? [];
    expect(timed).toHaveLength(1);
    expect(timed[0]?.frames[0]?.timestamp).toBe(startUs);
    expect(origin.metrics.value("canopy_timed_messages_total", "passed")).toBe(1);
  });

  it("passes tracks that it does not know on as they are, for who asks", async () => {
    const origin = await startOrigin();
    const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound", "chat"] });
    await readyTrack(origin, "hd");
    expect(publisher.track("chat").subscribers).toBe(0);
    const received: string[] = [];
    const chat = origin.node.store.get(PATH)?.request("chat");
    chat?.subscribe({
      onFrame: (frame) =>
        received.push(Buffer.from(frame.wire.subarray(frame.payloadOffset)).toString("utf8")),
      onClosed: () => {},
    });
    await waitFor("the subscription", () => publisher.track("chat").subscribers === 1);
    publisher.track("chat").startGroup();
    publisher.track("chat").write(1, Buffer.from("hello"));
    publisher.track("chat").write(2, Buffer.from("world"));
    await waitFor("the messages", () => received.length === 2);
    expect(received).toEqual(["hello", "world"]);
    expect(chat?.info?.timescale).toBe(INFO.timescale);
  });

  it("follows a catalog that changes, and goes on when the publisher comes back", async () => {
    const origin = await startOrigin();
    const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await readyTrack(origin, "sound");
    publisher.announceCatalog({ video: CATALOG.video ?? { renditions: {} } });
    await waitFor("the catalog without sound", () => latestCatalog(origin)?.audio === undefined);
    const broadcast = origin.node.store.get(PATH);
    await waitFor("the subscription", () => publisher.track("hd").subscribers === 1);
    publisher.write("hd", Date.now() * 1_000, UNITS[0] ?? new Uint8Array(), true);
    await waitFor("a frame", () => storedFrames(broadcast?.track("hd")).length === 1);
    await publisher[Symbol.asyncDispose]();
    await waitFor("the publisher to be gone", () => origin.node.registry.get(PATH)?.connected === false);
    const again = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await waitFor("the new subscription", () => again.track("hd").subscribers === 1);
    again.write("hd", Date.now() * 1_000, UNITS[0] ?? new Uint8Array(), true);
    await waitFor("the next group", () => storedFrames(broadcast?.track("hd")).length === 2);
    expect(origin.node.store.get(PATH)).toBe(broadcast);
    const [one, two] = storedFrames(broadcast?.track("hd"));
    expect(two?.group).toBe((one?.group ?? 0) + 1);
  });

  it("refuses a second publisher of a path, and a catalog that is not valid", async () => {
    const origin = await startOrigin();
    new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await readyTrack(origin, "hd");
    const second = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await waitFor("the refusal", () => second.closed);
    expect(second.closed?.reason).toContain("is being published already");
    const broken = new MoqPublisher(origin, { catalog: {}, tracks: [], path: "live/broken" });
    await waitFor("the broadcast", () => origin.node.store.get("live/broken"));
    broken.catalog.startGroup();
    broken.catalog.write(0, Buffer.from('{"video":{"renditions":{"x":{}}}}'));
    await waitFor("the end", () => broken.closed);
    expect(broken.closed?.reason).toContain("catalog is not valid");
    expect(origin.node.store.get(PATH)).toBeDefined();
  });

  it("ends a publisher's session when its broadcast is ended by the operator", async () => {
    const origin = await startOrigin();
    const publisher = new MoqPublisher(origin, { catalog: CATALOG, tracks: ["hd", "sound"] });
    await readyTrack(origin, "hd");
    await fetch(`${origin.api}/v1/broadcasts/${PATH}`, { method: "DELETE" });
    await waitFor("the end", () => publisher.closed);
    expect(publisher.closed?.reason).toContain("operator");
    expect(origin.node.store.get(PATH)).toBeUndefined();
  });
});
