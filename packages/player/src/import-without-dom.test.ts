import { describe, expect, it } from "vitest";

describe("the entries of the package", () => {
  it("can be imported where there is no DOM", async () => {
    expect(globalThis.document).toBeUndefined();
    const player = await import("./index.ts");
    await import("./define/index.ts");
    expect(player.createPlayer).toBeTypeOf("function");
    expect(player.CanopyPlayerElement).toBeTypeOf("function");
  });

  it("gives a player that fails clearly there", async () => {
    const { createPlayer } = await import("./index.ts");
    const errors: string[] = [];
    const player = createPlayer({ src: "https://edge", broadcast: "live/demo" });
    player.on("error", ({ error, fatal }) => errors.push(`${error.code} ${fatal}`));
    player.play();
    expect(player.state).toBe("failed");
    expect(errors).toEqual(["unsupported true"]);
    player.close();
  });
});
