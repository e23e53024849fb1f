import { isKeyframe, isSlice, nalUnitType, splitAnnexB } from "@canopy/media/h264";
import { createClock } from "@canopy/runtime";
import {
  Audio,
  H264RtpPacketizer,
  PeerConnection,
  RtcpNackResponder,
  RtcpSrReporter,
  RtpPacketizationConfig,
  RtpPacketizer,
  type Track,
  Video,
} from "node-datachannel";
import { describe, expect, it } from "vitest";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { TestOrigin } from "../harness/origin.ts";
import { recordTrack } from "../harness/record-track.ts";
import { waitFor } from "../harness/wait-for.ts";
import { makeWhipClip } from "../harness/whip-clip.ts";
import { createOffer, postOffer } from "../harness/whip-publisher.ts";

const PATH = "live/native";
const clock = createClock();
const open = closedAfterEach();

/** A track whose RTP, sender reports and repeats are libdatachannel's own. */
interface NativeTrack {
  readonly track: Track;
  readonly config: RtpPacketizationConfig;
}

function addVideo(connection: PeerConnection): NativeTrack {
  const video = new Video("video", "SendOnly");
  // OBS says so whatever its encoder makes.
  video.addH264Codec(96, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  video.addSSRC(1_000, "obs", "obs", "video");
  const track = connection.addTrack(video);
  const config = new RtpPacketizationConfig(1_000, "obs", 96, 90_000);
  const packetizer = new H264RtpPacketizer("StartSequence", config);
  packetizer.addToChain(new RtcpSrReporter(config));
  packetizer.addToChain(new RtcpNackResponder());
  track.setMediaHandler(packetizer);
  return { track, config };
}

function addAudio(connection: PeerConnection): NativeTrack {
  const audio = new Audio("audio", "SendOnly");
  audio.addOpusCodec(111, "minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1");
  audio.addSSRC(2_000, "obs", "obs", "audio");
  const track = connection.addTrack(audio);
  const config = new RtpPacketizationConfig(2_000, "obs", 111, 48_000);
  const packetizer = new RtpPacketizer(config);
  packetizer.addToChain(new RtcpSrReporter(config));
  track.setMediaHandler(packetizer);
  return { track, config };
}

function slices(annexB: Uint8Array): string {
  return splitAnnexB(annexB)
    .filter((nal) => isSlice(nalUnitType(nal[0])))
    .map((nal) => Buffer.from(nal).toString("base64"))
    .join(" ");
}

/** OBS publishes by WHIP with libdatachannel: this is what it does, with pictures that ffmpeg encoded. */
describe("a WHIP publisher whose RTP is libdatachannel's own", () => {
  it("brings its pictures and sound in order, with a shared clock", async () => {
    const origin = await TestOrigin.start({ webrtc: {} });
    open.push(origin);
    const clip = makeWhipClip({ profile: "high", keyframeInterval: 30 });
    const connection = new PeerConnection("obs", {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
    });
    const video = addVideo(connection);
    const audio = addAudio(connection);
    const response = await postOffer(`${origin.api}/whip/${PATH}`, await createOffer(connection));
    expect(response.status).toBe(201);
    connection.setRemoteDescription(await response.text(), "answer");
    await waitFor("the connection", () => video.track.isOpen() && audio.track.isOpen());

    const startMs = Date.now();
    let pictures = 0;
    let packets = 0;
    const timer = setInterval(() => {
      const elapsedMs = Date.now() - startMs;
      for (; pictures * (1_000 / clip.fps) <= elapsedMs; pictures++) {
        video.config.timestamp = Math.round((pictures * 90_000) / clip.fps) >>> 0;
        video.track.sendMessageBinary(Buffer.from(clip.video[pictures % clip.video.length]?.annexB ?? []));
      }
      for (; packets * 20 <= elapsedMs; packets++) {
        audio.config.timestamp = (packets * 960) >>> 0;
        audio.track.sendMessageBinary(Buffer.from(clip.audio[packets % clip.audio.length] ?? []));
      }
    }, 5);
    open.push({
      [Symbol.asyncDispose]: async () => {
        clearInterval(timer);
        connection.close();
      },
    });

    const { store } = origin.node;
    await waitFor("the tracks", () =>
      ["video", "audio"].every((name) => store.get(PATH)?.track(name)?.latest !== undefined),
    );
    const seen = recordTrack({ store, clock }, PATH, "video");
    const heard = recordTrack({ store, clock }, PATH, "audio");
    await waitFor("five seconds", () => seen.length >= 150 && heard.length >= 250);
    clearInterval(timer);
    const sent = new Map(clip.video.map(({ annexB }, index) => [slices(annexB), index]));
    const indices = seen.map(({ payload }) => sent.get(slices(payload)) ?? -1);
    const first = indices[0] ?? -1;
    expect(indices).toEqual(indices.map((_, at) => (first + at) % clip.video.length));
    expect(isKeyframe(seen[0]?.payload ?? new Uint8Array())).toBe(true);
    const sound = clip.audio.map((packet) => Buffer.from(packet).toString("base64"));
    const sounds = heard.map(({ payload }) => sound.indexOf(Buffer.from(payload).toString("base64")));
    expect(sounds).not.toContain(-1);
    // Both started at the same moment, so what belongs together lies together.
    const picture = seen.at(-1);
    const pictureMs = (indices.at(-1) ?? 0) * (1_000 / clip.fps);
    const fits = heard.map(({ timestampUs }, at) => {
      const soundMs = (sounds[at] ?? 0) * 20;
      return Math.abs(timestampUs - (picture?.timestampUs ?? 0) - (soundMs - pictureMs) * 1_000);
    });
    // libdatachannel dates its reports when it sends them, so a loop that sends late makes them wrong by as much.
    expect(Math.min(...fits.slice(-50))).toBeLessThan(60_000);
  });
});
