import { ERROR_CODES, forwardEvents, MoqSession, type MoqSessionOptions } from "@canopy/protocol";
import type { ReceiveStream, Session } from "@canopy/transport";
import { createMemoryPair, type MemoryPairOptions } from "@canopy/transport/memory";
import { describe, expect, test } from "vitest";
import { RecordingHandler, SubscriptionLog } from "./session-pair.ts";

const OPTIONS = { priority: 1, ordered: false, maxLatencyMs: 0, startGroup: undefined, endGroup: undefined };

/** A session on the server side, and the bare transport of a peer that sends what it likes. */
function createVictim(options: Partial<MoqSessionOptions> & { link?: MemoryPairOptions } = {}) {
  const { link, ...sessionOptions } = options;
  const { client: peer, server, clock } = createMemoryPair({ protocol: "moq-lite-05", ...link });
  const handler = new RecordingHandler();
  const session = new MoqSession(
    { wire: server, role: "server", originId: 0x2222, ...sessionOptions },
    handler,
  );
  const closes: (number | undefined)[] = [];
  const opened: ReceiveStream[] = [];
  server.handler = forwardEvents(session, ({ code }) => closes.push(code));
  const accept = (stream: ReceiveStream): void => {
    opened.push(stream);
  };
  peer.handler = {
    onUniStream: accept,
    onBidiStream: accept,
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: () => {},
  };
  return { peer, session, handler, closes, clock, opened };
}

/** Opens a stream with these bytes; tells how the other side refused it. */
function send(peer: Session, kind: "uni" | "bidi", hex: string, fin = false) {
  const told = { stopped: -1, reset: -1 };
  const bidi = kind === "bidi" ? peer.openBidi() : undefined;
  const stream = kind === "bidi" ? bidi : peer.openUni();
  if (stream !== undefined) {
    stream.handler = {
      onDrain: () => {},
      onStop: (code) => {
        told.stopped = code;
      },
    };
    stream.write(Buffer.from(hex, "hex"));
    if (fin) {
      stream.finish();
    }
  }
  if (bidi !== undefined) {
    bidi.receiver = {
      onData: () => {},
      onReset: (code) => {
        told.reset = code;
      },
    };
  }
  return told;
}

describe("MoqSession facing a peer that breaks the rules", () => {
  test("refuses a stream of an unknown type, and only that", () => {
    const { peer, session, closes, clock } = createVictim();
    const uni = send(peer, "uni", "3f00");
    const bidi = send(peer, "bidi", "2000");
    clock.run();
    expect(uni.stopped).toBe(ERROR_CODES.unexpectedStream);
    expect([bidi.stopped, bidi.reset]).toEqual([ERROR_CODES.unexpectedStream, ERROR_CODES.unexpectedStream]);
    expect(session.counters.unknownStreams).toBe(2);
    expect(closes).toEqual([]);
  });

  test("refuses a message over the limit from its length alone", () => {
    const { peer, session, closes, clock } = createVictim();
    const told = send(peer, "bidi", "0180010001");
    clock.run();
    expect(told.reset).toBe(ERROR_CODES.boundsExceeded);
    expect(session.counters.malformedStreams).toBe(1);
    expect(closes).toEqual([]);
  });

  test("refuses a malformed request, a path that is too deep, and a stream cut inside a message", () => {
    const { peer, closes, clock, handler } = createVictim();
    const leftOver = send(peer, "bidi", "0104000000ff");
    const deep = send(peer, "bidi", `0140454042${"612f".repeat(33)}00`);
    const cut = send(peer, "bidi", "010300", true);
    clock.run();
    expect(leftOver.reset).toBe(ERROR_CODES.decode);
    expect(deep.reset).toBe(ERROR_CODES.boundsExceeded);
    expect(cut.reset).toBe(ERROR_CODES.decode);
    expect(handler.announceRequests).toEqual([]);
    expect(closes).toEqual([]);
  });

  test.each([
    ["a second SETUP", ["010100", "010100"], ERROR_CODES.protocolViolation],
    ["a parameter twice", ["010702050101050102"], ERROR_CODES.protocolViolation],
    ["too many parameters", ["01024041"], ERROR_CODES.tooManyParameters],
    ["a malformed SETUP", ["01020105"], ERROR_CODES.decode],
  ])("closes the session for %s", (_name, streams, code) => {
    const { peer, closes, clock } = createVictim();
    for (const hex of streams) {
      send(peer, "uni", hex, true);
      clock.run();
    }
    expect(closes).toEqual([code]);
  });

  test("limits announce requests, subscriptions, other requests and streams", () => {
    const limits = {
      maxAnnounceRequests: 2,
      maxSubscriptions: 2,
      maxOtherRequests: 2,
      maxIncomingStreams: 8,
    };
    const { peer, session, handler, clock } = createVictim({ limits });
    const announces = [0, 1, 2].map(() => send(peer, "bidi", "01020000"));
    const subscribes = [0, 1, 2].map((id) => send(peer, "bidi", `020a0${id}016101620100000000`));
    const tracks = [0, 1, 2].map(() => send(peer, "bidi", "060401610162"));
    const rest = [0, 1, 2, 3, 4].map(() => send(peer, "uni", "00"));
    clock.run();
    expect(announces.map((told) => told.reset)).toEqual([-1, -1, ERROR_CODES.boundsExceeded]);
    expect(tracks.map((told) => told.reset)).toEqual([-1, -1, ERROR_CODES.boundsExceeded]);
    expect(subscribes[2]?.reset).toBe(ERROR_CODES.boundsExceeded);
    expect(handler.trackRequests.length).toBe(2);
    expect(rest.filter((told) => told.stopped === ERROR_CODES.boundsExceeded).length).toBeGreaterThan(0);
    expect(session.counters.streamsOverLimit).toBeGreaterThan(3);
    handler.trackRequests[0]?.reject(ERROR_CODES.notFound);
    clock.run();
    const again = send(peer, "bidi", "060401610162");
    clock.run();
    expect(again.reset).toBe(-1);
  });

  test("refuses a second subscription with the same id", () => {
    const { peer, handler, clock } = createVictim();
    const hex = "020a00016101620100000000";
    send(peer, "bidi", hex);
    const second = send(peer, "bidi", hex);
    clock.run();
    expect(second.reset).toBe(ERROR_CODES.duplicate);
    expect(handler.subscribes.length).toBe(1);
  });

  test("stops groups of unknown subscriptions and counts datagrams it cannot place", () => {
    const { peer, session, closes, clock } = createVictim();
    const group = send(peer, "uni", "00020900");
    peer.sendDatagram(Uint8Array.of(9, 0, 0, 1));
    peer.sendDatagram(Uint8Array.of(0xc0));
    clock.run();
    expect(group.stopped).toBe(ERROR_CODES.cancel);
    expect(session.counters.groupsWithoutSubscription).toBe(2);
    expect(session.counters.malformedDatagrams).toBe(1);
    expect(closes).toEqual([]);
  });

  test("gives a request up that is not answered in time", () => {
    const { session, clock } = createVictim();
    const log = new SubscriptionLog();
    session.subscribe("a", "b", OPTIONS, log);
    clock.run();
    expect(session.onTick(clock.nowMs())).toBe(clock.nowMs() + 10_000);
    session.onTick(clock.nowMs() + 9_999);
    expect(log.events).toEqual([]);
    session.onTick(clock.nowMs() + 10_000);
    expect(log.events).toEqual([`closed ${ERROR_CODES.timeout}`]);
    expect(session.counters.timeouts).toBe(1);
  });

  test("queues its own requests while the peer allows no more streams, within a bound", () => {
    const { session, clock, opened } = createVictim({
      link: { maxBidiStreams: 2 },
      limits: { maxPendingRequests: 3 },
    });
    const logs = [0, 1, 2, 3].map((index) => {
      const log = new SubscriptionLog();
      session.subscribe("a", `track ${index}`, OPTIONS, log);
      return log;
    });
    clock.run();
    session.onTick(clock.nowMs());
    // TRACK and SUBSCRIBE of the first are open, three streams wait, the rest is refused.
    expect(opened.length).toBe(3);
    expect(logs.map((log) => log.events)).toEqual([
      [],
      [],
      [`closed ${ERROR_CODES.boundsExceeded}`],
      [`closed ${ERROR_CODES.boundsExceeded}`],
    ]);
  });
});
