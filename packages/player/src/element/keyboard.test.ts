import { describe, expect, it } from "vitest";
import { keyAction } from "./keyboard.ts";

const press = (key: string, more = {}) =>
  keyAction({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });

describe("keyAction", () => {
  it("knows the player's keys, in upper case too", () => {
    expect([" ", "k", "K", "m", "f", "s"].map((key) => press(key))).toEqual([
      "toggle-play",
      "toggle-play",
      "toggle-play",
      "toggle-mute",
      "toggle-fullscreen",
      "toggle-stats",
    ]);
  });

  it("leaves other keys and shortcuts alone", () => {
    expect(press("x")).toBeUndefined();
    expect(press("s", { ctrlKey: true })).toBeUndefined();
    expect(press("f", { metaKey: true })).toBeUndefined();
  });
});
