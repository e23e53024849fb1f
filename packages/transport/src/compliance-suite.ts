import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CompliancePair, Direction, defined, pattern } from "./compliance/direction-suite.ts";
import { manyStreamsSuite } from "./compliance/many-streams-suite.ts";
import { Recorder } from "./compliance/recorder-suite.ts";
import { streamBytesSuite } from "./compliance/stream-bytes-suite.ts";
import { streamRefusalSuite } from "./compliance/stream-refusal-suite.ts";

export type { CompliancePair } from "./compliance/direction-suite.ts";

/** What every provider of `Session` does. Call it once per provider and way of connecting. */
export function sessionComplianceSuite(name: string, createPair: () => Promise<CompliancePair>): void {
  describe(`${name} fulfils the session contract`, () => {
    let pair: CompliancePair;
    let fromClient: Direction;
    let fromServer: Direction;

    beforeEach(async () => {
      pair = await createPair();
      const client = { session: pair.client, recorder: new Recorder() };
      const server = { session: pair.server, recorder: new Recorder() };
      for (const { session, recorder } of [client, server]) session.handler = recorder;
      fromClient = new Direction(pair, client, server);
      fromServer = new Direction(pair, server, client);
    });

    afterEach(async () => {
      await pair.close();
    });

    for (const from of ["client", "server"]) {
      describe(`opened by the ${from}`, () => {
        const direction = (): Direction => (from === "client" ? fromClient : fromServer);
        streamBytesSuite(direction);
        streamRefusalSuite(direction);
        manyStreamsSuite(direction);
        sessionEndSuite(direction);
      });
    }

    test("no handler is called from inside the caller's own call", async () => {
      const { send, receive } = await fromClient.openUni();
      let inside = false;
      const violations: string[] = [];
      const watch = (name: string) => () => {
        if (inside) {
          violations.push(name);
        }
      };
      send.handler = { onDrain: watch("onDrain"), onStop: watch("onStop") };
      receive.receiver = { onData: watch("onData"), onReset: watch("onReset") };
      const { senderRecorder: client, receiver: server } = fromClient;
      for (const recorder of [client, server]) {
        recorder.onStreamsAvailable = watch("onStreamsAvailable");
        recorder.onUniStream = watch("onUniStream");
      }
      inside = true;
      send.write(pattern(2_000_000, 1));
      pair.client.openUni()?.write(Uint8Array.of(1));
      pair.client.sendDatagram(Uint8Array.of(1));
      receive.pause();
      receive.resume();
      receive.stop(1);
      send.reset(1);
      pair.client.close(0, "");
      inside = false;
      await pair.settle(() => client.closes.length === 1 && server.closes.length === 1);
      expect(violations).toEqual([]);
    });

    test("statistics count what was carried", async () => {
      const { send, collected } = await fromClient.openUni();
      send.write(pattern(100_000, 2));
      send.finish();
      await pair.settle(() => collected.fins === 1);
      const sent = pair.client.stats();
      const received = pair.server.stats();
      expect(sent.sentBytes).toBeGreaterThanOrEqual(100_000);
      expect(received.receivedBytes).toBeGreaterThanOrEqual(100_000);
      for (const stats of [sent, received]) {
        for (const value of Object.values(stats)) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(Number.isNaN(value)).toBe(false);
        }
      }
      expect(sent.bufferedBytes).toBe(0);
      expect(sent.sentPackets).toBeGreaterThan(0);
    });

    test("both ends report the same protocol and different ids", () => {
      expect(pair.client.protocol).toBe(pair.server.protocol);
      expect(pair.client.id).not.toBe(pair.server.id);
      expect(pair.client.closed).toBe(false);
    });
  });
}

/** Datagrams, and the end of a session. */
function sessionEndSuite(direction: () => Direction): void {
  test("datagrams arrive whole, and one that is too large is refused", async () => {
    const { pair, sender, receiver } = direction();
    expect(sender.maxDatagramBytes).toBeGreaterThan(0);
    expect(sender.sendDatagram(new Uint8Array(sender.maxDatagramBytes + 1))).toBe(false);
    expect(sender.sendDatagram(pattern(500, 3))).toBe(true);
    await pair.settle(() => receiver.datagrams.length === 1);
    expect(receiver.datagrams[0]).toEqual(pattern(500, 3));
  });

  test("closing carries code and reason, and nothing is called after it", async () => {
    const way = direction();
    const { sender, senderRecorder, receiver, receiverSession } = way;
    const { send, collected } = await way.openUni();
    send.write(pattern(10_000, 1));
    sender.close(17, "gone for lunch");
    sender.close(18, "again");
    expect(sender.closed).toBe(true);
    expect(senderRecorder.closes).toEqual([]);
    await way.pair.settle(() => receiver.closes.length === 1 && senderRecorder.closes.length === 1);
    expect(receiver.closes[0]).toEqual({ code: 17, reason: "gone for lunch", remote: true });
    expect(senderRecorder.closes[0]).toEqual({ code: 17, reason: "gone for lunch", remote: false });
    expect(receiverSession.closed).toBe(true);
    const callsAtClose = collected.calls;
    for (const session of [sender, receiverSession]) {
      session.close(1, "late");
      session.ping();
      expect(session.openUni()).toBeUndefined();
      expect(session.openBidi()).toBeUndefined();
      expect(session.sendDatagram(Uint8Array.of(1))).toBe(false);
    }
    send.write(Uint8Array.of(1));
    send.finish();
    send.reset(1);
    send.setPriority(1);
    defined(receiver.uni[0]).stop(1);
    defined(receiver.uni[0]).resume();
    await way.pair.settle(() => true);
    expect(collected.calls).toBe(callsAtClose);
    expect([senderRecorder.callsAfterClose, receiver.callsAfterClose]).toEqual([0, 0]);
  });
}
