import { describe, expect, test } from "vitest";
import { LastWord } from "./last-word.ts";

const TO = { host: "127.0.0.1", port: 4443 };

describe("LastWord", () => {
  test("repeats the packet after 1, 2, 4 and 8 packets of the peer, and not in between", () => {
    const packet = Uint8Array.of(1, 2, 3);
    const lastWord = new LastWord({ packet, to: TO, nowMs: 0 });
    packet.fill(0);
    const sent: (readonly [number, Uint8Array])[] = [];
    let heard = 0;
    const sender = {
      packetBuffer: new Uint8Array(2_048),
      sendPacket: (length: number) => sent.push([heard, sender.packetBuffer.slice(0, length)]),
    };
    for (heard = 1; heard <= 15; heard += 1) lastWord.repeat(sender);
    expect(sent).toEqual([1, 2, 4, 8].map((count) => [count, Uint8Array.of(1, 2, 3)]));
  });
});
