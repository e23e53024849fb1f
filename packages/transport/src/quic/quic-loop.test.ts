import { describe, expect, test } from "vitest";
import { type LoopMember, QuicLoop } from "./quic-loop.ts";

class Member implements LoopMember {
  readQueued = false;
  flushQueued = false;
  urgent = false;
  flushes = 0;
  handleIncoming(): void {}
  flush(): void {
    this.flushes += 1;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function flushed(member: Member, flushes: number): Promise<void> {
  while (member.flushes < flushes) await pause(2);
}

describe("QuicLoop", () => {
  test("flushes what may wait at once while its core has room", async () => {
    const loop = new QuicLoop();
    const member = new Member();
    loop.schedulePatient(member);
    expect(member.flushQueued).toBe(true);
    await flushed(member, 1);
  });

  test("on a busy core lets it wait for the member's next flush, or for a moment", async () => {
    const loop = new QuicLoop({ patientFromUtilization: 0 });
    const member = new Member();
    loop.schedulePatient(member);
    expect(member.flushQueued).toBe(false);
    // The flush that it has anyway takes it along.
    loop.scheduleFlush(member);
    await flushed(member, 1);
    // Alone it is flushed a moment later.
    const alone = new Member();
    loop.schedulePatient(alone);
    expect(alone.flushQueued).toBe(false);
    await flushed(alone, 1);
  });
});
