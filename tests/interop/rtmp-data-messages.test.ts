import { connect, type Socket } from "node:net";
import { AmfEcmaArray, type AmfValue, encodeVideoTagBody } from "@canopy/media/flv";
import { decodeTimedMessage, readTimedMessages } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import {
  publishCommands,
  readStatuses,
  script,
  video,
} from "../../packages/origin/src/upstream/rtmp/rtmp-sender-suite.ts";
import { closedAfterEach } from "../harness/closed-after-each.ts";
import { RtmpOrigin } from "../harness/rtmp-origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const FRAME_MS = 40;

/** avcC with the parameter sets of a real stream. */
const AVC_C = Buffer.from(
  "0142c01effe100186742c01edd81405005b808800000030080000019078b17cb01000568cb83cb20",
  "hex",
);
const IDR = Buffer.concat([Buffer.from([0, 0, 0, 203, 0x65, 0x88, 0x84]), Buffer.alloc(200, 0x5a)]);

const open = closedAfterEach();

/** A publisher of pictures that says something between them, over a connection of its own. */
class TalkingSender implements AsyncDisposable {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  #timestamp = 0;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (bytes) => this.#received.push(bytes));
    open.push(this);
  }

  async publish(name: string): Promise<void> {
    this.socket.write(publishCommands("live", name));
    await waitFor("publishing to be granted", () => readStatuses(Buffer.concat(this.#received)).length > 0);
    const header = { codec: "avc1", kind: "sequence-start", isKeyframe: true, data: AVC_C } as const;
    this.socket.write(video(0, encodeVideoTagBody(header)));
  }

  /** Shows pictures in real time. */
  async show(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const frame = { codec: "avc1", kind: "frame", isKeyframe: true, data: IDR } as const;
      this.socket.write(video(this.#timestamp, encodeVideoTagBody(frame)));
      this.#timestamp += FRAME_MS;
      await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    }
  }

  /** The data message goes out in several chunks if it is longer than RTMP's first chunk size. */
  say(name: string, value: AmfValue): void {
    this.socket.write(script([name, value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }
}

describe("data messages of an RTMP publisher", () => {
  it("become timed messages on the next picture and on the track, each once, in order", async () => {
    const origin = await RtmpOrigin.start();
    open.push(origin);
    const sender = new TalkingSender(origin.server.address.port);
    await sender.publish("talk");
    await sender.show(3);
    const pictures = origin.record("live/talk", "video");
    const track = origin.record("live/talk", "timed");
    await sender.show(3);
    sender.say("onTextData", { text: "hello", language: "eng" });
    await sender.show(5);
    sender.say(
      "onCuePoint",
      new AmfEcmaArray({
        type: "quiz",
        question: "x".repeat(300),
        options: ["a", "b"],
        parameters: { n: 2 },
      }),
    );
    await sender.show(5);
    // Over the limit of 1,024 bytes: refused, and nothing else is disturbed.
    sender.say("onTextData", { text: "y".repeat(2_000) });
    sender.say("onTextData", "only a string");
    // Unknown data is nobody's message.
    sender.say("onFI", { sd: "26-11-2026" });
    await sender.show(6);
    await waitFor("all on the track", () => track.length >= 3);

    const onTrack = track.map(({ payload }) => decodeTimedMessage(payload));
    expect(onTrack.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: "text", data: { text: "hello", language: "eng" } },
      { type: "quiz", data: { question: "x".repeat(300), options: ["a", "b"], parameters: { n: 2 } } },
      { type: "text", data: "only a string" },
    ]);
    expect(track.map(({ timestampUs }) => timestampUs)).toEqual(onTrack.map(({ at }) => at));

    // The pictures that carry each message: three in a row, the first one being the first that is not before it.
    for (const message of onTrack) {
      const carriers = pictures.filter(({ payload }) =>
        readTimedMessages(payload).some((read) => read.message.id === message.id),
      );
      const due = pictures.filter(({ timestampUs }) => timestampUs >= message.at).slice(0, 3);
      expect(carriers.map(({ timestampUs }) => timestampUs)).toEqual(
        due.map(({ timestampUs }) => timestampUs),
      );
      const [read] = readTimedMessages(carriers[0]?.payload ?? new Uint8Array());
      expect(read?.message).toEqual(message);
    }
    // Said after one picture and before the next, so it stands on that next one.
    const firstCarriers = onTrack.map(({ id }) =>
      pictures.findIndex(({ payload }) => readTimedMessages(payload).some((read) => read.message.id === id)),
    );
    const skipped = firstCarriers[0] ?? 0;
    expect(firstCarriers.map((index) => index - skipped)).toEqual([0, 5, 10]);
    expect(sender.socket.destroyed).toBe(false);
  });
});
