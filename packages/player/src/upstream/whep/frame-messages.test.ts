import type { TimedMessage } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { FrameMessages } from "./frame-messages.ts";

const message = (id: string): TimedMessage => ({ v: 1, id, type: "cue", at: 0, data: null });

function taken(messages: FrameMessages, rtp: number): string[] {
  const ids: string[] = [];
  messages.take(rtp, ({ id }) => ids.push(id));
  return ids;
}

describe("FrameMessages", () => {
  it("gives messages out with their frame, or with the first one after it", () => {
    const messages = new FrameMessages();
    messages.add(3_000, [message("a")]);
    messages.add(6_000, [message("b"), message("c")]);
    messages.add(9_000, [message("d")]);
    expect(taken(messages, 2_999)).toEqual([]);
    expect(taken(messages, 3_000)).toEqual(["a"]);
    expect(taken(messages, 12_000)).toEqual(["b", "c", "d"]);
    expect(taken(messages, 12_000)).toEqual([]);
  });

  it("goes on where the timestamps come round", () => {
    const messages = new FrameMessages();
    messages.add(2 ** 32 - 1_500, [message("before")]);
    messages.add(1_500, [message("after")]);
    expect(taken(messages, 2 ** 32 - 1_500)).toEqual(["before"]);
    expect(taken(messages, 1_500)).toEqual(["after"]);
  });

  it("is bounded", () => {
    const messages = new FrameMessages();
    for (let index = 0; index < 300; index += 1) messages.add(index, [message(`m${index}`)]);
    expect(messages.dropped).toBe(44);
    expect(taken(messages, 1_000)).toHaveLength(256);
  });
});
