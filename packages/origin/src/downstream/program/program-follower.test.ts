import { type Catalog, encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { Store, type Track } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { trackInfo } from "../../ingest/track-lanes.ts";
import { ProgramFollower } from "./program-follower.ts";

const START_US = 1_764_000_000_000_000;
const CATALOG: Catalog = {
  video: { renditions: { video: { codec: "avc1.42c01f" } } },
  audio: {
    renditions: {
      audio: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2, description: "1190" },
    },
  },
};

function createBroadcast() {
  const time = { ms: START_US / 1_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 };
  const store = new Store({}, { clock, schedule: () => {} });
  const broadcast = store.publish("live/a");
  const catalog = broadcast.createTrack("catalog.json", trackInfo(100)).openGroup();
  catalog.append(START_US, encodeCatalog(CATALOG));
  catalog.finish();
  const video = broadcast.createTrack("video", trackInfo(60));
  const audio = broadcast.createTrack("audio", trackInfo(80));
  /** A group with a frame for each of these times, ms after the start. */
  const publish = (track: Track, ...timesMs: number[]): void => {
    const group = track.openGroup();
    for (const ms of timesMs) {
      const timestampUs = START_US + ms * 1_000;
      group.append(timestampUs, encodeLegacyFrame(timestampUs, Uint8Array.of(9)));
    }
    group.finish();
  };
  /** What a follower is given that begins now. */
  const follow = (): string[] => {
    const seen: string[] = [];
    const note = (kind: string, timestampUs: number) =>
      seen.push(`${kind} ${(timestampUs - START_US) / 1_000}`);
    using follower = new ProgramFollower(
      { path: "live/a", maxLatencyMs: 1_000 },
      {
        store,
        logger: createSilentLogger(),
        taker: {
          onProgram: () => {},
          onVideo: (timestampUs, _, isKeyframe) => note(isKeyframe ? "keyframe" : "picture", timestampUs),
          onAudio: (timestampUs) => note("sound", timestampUs),
        },
      },
    );
    follower.play();
    for (let turn = 0; turn < 3; turn += 1) store.flush();
    return seen;
  };
  return { video, audio, publish, follow };
}

describe("ProgramFollower", () => {
  it("begins with the newest keyframe and the group of sound that covers it", () => {
    const { video, audio, publish, follow } = createBroadcast();
    publish(video, 0, 40);
    publish(video, 1_000, 1_040);
    for (const ms of [0, 450, 900, 1_350]) publish(audio, ms, ms + 200);
    const seen = follow();
    expect(seen.filter((entry) => !entry.startsWith("sound"))).toEqual(["keyframe 1000", "picture 1040"]);
    expect(seen.filter((entry) => entry.startsWith("sound"))[0]).toBe("sound 900");
  });

  it("gives the sound from its first frame on where the broadcast began with a picture", () => {
    const { video, audio, publish, follow } = createBroadcast();
    publish(video, 0, 40);
    for (const ms of [6, 506, 1_006]) publish(audio, ms, ms + 200);
    const sounds = follow().filter((entry) => entry.startsWith("sound"));
    expect(sounds).toEqual(["sound 6", "sound 206", "sound 506", "sound 706", "sound 1006", "sound 1206"]);
  });
});
