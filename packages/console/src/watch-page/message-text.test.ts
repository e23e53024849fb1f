import { describe, expect, it } from "vitest";
import { messageText } from "./message-text.ts";

describe("messageText", () => {
  it("says the text of a message where it has one", () => {
    expect(messageText("quiz", { question: "Which river?", options: ["Nile"] })).toBe("quiz · Which river?");
    expect(messageText("lyric", "la la")).toBe("lyric · la la");
  });

  it("shows other data as it is", () => {
    expect(messageText("cue", { scene: 3 })).toBe('cue · {"scene":3}');
    expect(messageText("cue", null)).toBe("cue");
  });
});
