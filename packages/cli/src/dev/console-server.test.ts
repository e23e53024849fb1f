import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, createMetrics, createSilentLogger } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConsoleServer } from "./console-server.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-console-"));
  for (const name of ["watch", "examples/quiz", "assets"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "index.html"), "home");
  writeFileSync(join(folder, "watch", "index.html"), "watch");
  writeFileSync(join(folder, "publish.html"), "publish");
  writeFileSync(join(folder, "examples", "quiz", "index.html"), "quiz");
  writeFileSync(join(folder, "assets", "a.js"), "code");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("openConsoleServer", () => {
  it("serves pages without their ending, assets, and where the nodes are", async () => {
    const info = {
      console: "c",
      origin: "o",
      relays: ["r"],
      edges: ["e"],
      rtmp: "rtmp://h",
      broadcast: "live/demo",
      processes: [],
    };
    await using server = await openConsoleServer(
      { port: 0, folder },
      {
        logger: createSilentLogger(),
        metrics: createMetrics({ processMetrics: false }),
        clock: createClock(),
        info: () => info,
      },
    );
    const { port } = server.server.address() as { port: number };
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return [response.status, await response.text()];
    };
    expect(await get("/")).toEqual([200, "home"]);
    expect(await get("/watch?broadcast=live/demo")).toEqual([200, "watch"]);
    expect(await get("/watch/")).toEqual([200, "watch"]);
    expect(await get("/publish")).toEqual([200, "publish"]);
    expect(await get("/examples/quiz")).toEqual([200, "quiz"]);
    expect(await get("/assets/a.js")).toEqual([200, "code"]);
    expect((await get("/nowhere"))[0]).toBe(404);
    expect((await get("/../package.json"))[0]).toBe(404);
    expect(JSON.parse(String((await get("/v1/dev"))[1]))).toEqual(info);
  });
});
