import { readFileSync } from "node:fs";
import { ERROR_CODES, encodeFrame, forwardEvents, MoqSession, type Version } from "@canopy/protocol";
import { createMemoryPair } from "@canopy/transport/memory";
import { describe, expect, test } from "vitest";
import { StreamRecorder } from "./record-streams.ts";
import {
  AnnounceLog,
  createSessionPair,
  INFO,
  OPTIONS,
  RecordingHandler,
  SubscriptionLog,
  VERSIONS,
} from "./session-pair.ts";

interface Vector {
  readonly name: string;
  readonly opener: "client" | "server";
  readonly kind: "uni" | "bidi" | "datagram";
  readonly client?: string;
  readonly server?: string;
  readonly clientEnd?: string;
  readonly serverEnd?: string;
  readonly foreign?: boolean;
}

function vectorsOf(version: Version): readonly Vector[] {
  const url = new URL(`../vectors/moq/${version}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { vectors: Vector[] }).vectors;
}

const BYTES = Uint8Array.of(0xa0, 0xa1, 0xa2, 0xa3, 0xa4);
const GROUP_0 = [
  encodeFrame(1_000_000, 0, BYTES.subarray(0, 4)),
  encodeFrame(1_033_333, 1_000_000, BYTES.subarray(0, 3)),
  encodeFrame(1_016_666, 1_033_333, BYTES.subarray(0, 2)),
];

/** Does everything that the vectors show, checks that the other side understood it, and returns what was sent. */
function playScenario(version: Version, probeLevel: number, maxChunkBytes: number): StreamRecorder {
  const recorder = new StreamRecorder();
  const clientOptions = { probeLevel };
  const serverOptions = { probeLevel };
  const pair = createSessionPair(version, { recorder, clientOptions, serverOptions, maxChunkBytes });
  const everything = new AnnounceLog();
  const exact = new AnnounceLog();
  const nothing = new AnnounceLog();
  pair.client.announcements("", 0x1111, everything);
  pair.client.announcements("cam.hang", 0x1111, exact);
  pair.client.announcements("nope", 0x1111, nothing);
  const log = new SubscriptionLog();
  const subscription = pair.client.subscribe("cam.hang", "video", OPTIONS, log);
  const refused = new SubscriptionLog();
  pair.client.subscribe("nope", "x", { ...OPTIONS, priority: 1 }, refused);
  pair.run();
  const { announceRequests, trackRequests, subscribes } = pair.serverHandler;
  const active = [{ path: "cam.hang", hops: [] }];
  for (const request of announceRequests) {
    request.start(active);
  }
  trackRequests[0]?.respond(INFO);
  trackRequests[1]?.reject(ERROR_CODES.notFound);
  const publisher = subscribes[0];
  publisher?.accept(INFO);
  subscribes[1]?.reject(ERROR_CODES.notFound);
  subscription.update({ priority: 200 });
  const first = publisher?.openGroup(0, 60);
  for (const frame of GROUP_0) {
    first?.writeFrame(frame);
  }
  first?.finish();
  const second = publisher?.openGroup(1, 60);
  second?.writeFrame(encodeFrame(2_000_000, 0, BYTES.subarray(0, 1)));
  second?.finish();
  publisher?.sendDatagram?.(2, encodeFrame(2_100_000, 0, BYTES));
  const abortedSequence = version === "lite-05" ? 3 : 2;
  const third = publisher?.openGroup(abortedSequence, 60);
  third?.writeFrame(encodeFrame(3_000_000, 0, BYTES.subarray(0, 1)));
  pair.run();
  third?.abort(ERROR_CODES.old);
  publisher?.end(abortedSequence);
  const fetched: string[] = [];
  pair.client.fetch("cam.hang", "video", 0, 7, {
    onFrame: (frame) => fetched.push(`${frame.timestamp}`),
    onEnd: () => fetched.push("end"),
    onFailed: (code) => fetched.push(`failed ${code}`),
  });
  const reports: number[] = [];
  pair.client.probe({ onReport: (bitrateBps) => reports.push(bitrateBps), onClosed: () => {} });
  pair.run();
  for (const frame of GROUP_0) {
    pair.serverHandler.fetches[0]?.writeFrame(frame);
  }
  pair.serverHandler.fetches[0]?.finish();
  pair.serverHandler.probes[0]?.report(5_000_000, 20);
  for (const request of announceRequests) {
    request.ended("cam.hang");
  }
  pair.run();

  const withoutReady = (events: readonly string[]) =>
    events.filter((event) => event !== "ready").map((event) => event.split(" ").slice(0, 2).join(" "));
  expect(withoutReady(everything.events)).toEqual(["active cam.hang", "ended cam.hang"]);
  expect(withoutReady(exact.events)).toEqual(["active cam.hang", "ended cam.hang"]);
  expect(nothing.events).toEqual(["ready"]);
  expect(refused.events).toEqual(["closed 13"]);
  expect(log.events.filter((event) => /^(end|aborted|closed)/.test(event)).sort()).toEqual([
    `aborted ${abortedSequence} 2`,
    "closed undefined",
    "end 0",
    "end 1",
  ]);
  expect(fetched).toEqual(
    version === "lite-05" ? ["1000000", "1033333", "1016666", "end"] : [`failed ${ERROR_CODES.unsupported}`],
  );
  expect(reports).toEqual(version === "lite-05" && probeLevel > 0 ? [5_000_000] : []);
  expect(pair.clientHandler.datagrams.length).toBe(version === "lite-05" ? 1 : 0);
  expect(pair.closes).toEqual([]);
  return recorder;
}

describe.each(VERSIONS)("the vectors of %s", (version) => {
  const vectors = vectorsOf(version);

  test.each([1200, 1, 3])(
    "are what a session sends, and its peer understands them in pieces of %i",
    (chunkBytes) => {
      const streams = [0, 1].flatMap((level) => playScenario(version, level, chunkBytes).streams);
      for (const vector of vectors.filter((item) => !item.foreign)) {
        const candidates = streams.filter(
          (stream) =>
            stream.opener === vector.opener &&
            stream.kind === vector.kind &&
            stream.sent[vector.opener] === (vector[vector.opener] ?? ""),
        );
        expect(candidates.length, vector.name).toBeGreaterThan(0);
        for (const { sent, end } of candidates.slice(0, 1)) {
          expect(sent, vector.name).toEqual({ client: vector.client ?? "", server: vector.server ?? "" });
          if (vector.clientEnd !== undefined) {
            expect(end.client, vector.name).toBe(vector.clientEnd);
          }
          if (vector.serverEnd !== undefined) {
            expect(end.server, vector.name).toBe(vector.serverEnd);
          }
        }
      }
    },
  );

  for (const vector of vectors.filter((item) => item.foreign)) {
    test(`the answer to "${vector.name}" is byte for byte what it should be`, () => {
      const { client, server, clock } = createMemoryPair({ protocol: "", maxChunkBytes: 5 });
      const session = new MoqSession(
        { wire: server, role: "server", originId: 0x2222 },
        new RecordingHandler(),
      );
      server.handler = forwardEvents(session);
      client.handler = {
        onUniStream: () => {},
        onBidiStream: () => {},
        onDatagram: () => {},
        onStreamsAvailable: () => {},
        onClose: () => {},
      };
      const stream = client.openBidi();
      let answer = "";
      if (stream !== undefined) {
        stream.receiver = {
          onData: (bytes) => {
            answer += Buffer.from(bytes).toString("hex");
          },
          onReset: () => {},
        };
      }
      stream?.write(Buffer.from(vector.client ?? "", "hex"));
      clock.run();
      expect(answer).toBe(vector.server);
      expect(session.version).toBe(version);
    });
  }
});
