import { describe, expect, it } from "vitest";
import { createPlayer } from "./create-player.ts";

describe("Player", () => {
  // An element refuses any other volume by an exception, which would come out of `play`.
  it.each([
    [5, 1],
    [-1, 0],
    [0.5, 0.5],
  ])("takes a volume of %d as %d", (volume, expected) => {
    const player = createPlayer({ src: "https://edge", broadcast: "live/demo", volume });
    expect(player.volume).toBe(expected);
    player.volume = volume;
    expect(player.volume).toBe(expected);
  });
});
