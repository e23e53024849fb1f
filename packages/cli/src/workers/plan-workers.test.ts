import { describe, expect, it } from "vitest";
import { planWorkers, type SharedSettings } from "./plan-workers.ts";

const SETTINGS: SharedSettings = {
  workers: 3,
  port: 4443,
  nodeName: undefined,
  tier: 2,
  webrtc: { off: false, port: undefined },
};
const ARGS = ["edge", "--workers", "3", "--parent", "https://relay:4441"];

/** The flags that a worker gets beside those of the command. */
function ownArgs(settings: Partial<SharedSettings>, index: number): readonly string[] {
  return planWorkers({ ...SETTINGS, ...settings }, ARGS)[index]?.args.slice(ARGS.length) ?? [];
}

describe("planWorkers", () => {
  it("gives workers consecutive ports, for WebRTC too, and all but the first the first as their parent", () => {
    const plans = planWorkers(SETTINGS, ARGS);
    expect(plans.map(({ name, port }) => [name, port])).toEqual([
      ["worker 1", 4443],
      ["worker 2", 4444],
      ["worker 3", 4445],
    ]);
    for (const { args } of plans) expect(args.slice(0, ARGS.length)).toEqual(ARGS);
    const first = ["--workers", "1", "--port", "4443", "--webrtc-port", "5443"];
    expect(ownArgs({}, 0)).toEqual(first);
    const last = ["--workers", "1", "--port", "4445", "--local-parent", "4443", "--webrtc-port", "5445"];
    expect(ownArgs({}, 2)).toEqual(last);
  });

  it("numbers the names, and moves public URLs to the worker's port", () => {
    const publicUrl = "https://edge.example.com:4443";
    const publicHttpUrl = "https://edge.example.com";
    expect(ownArgs({ nodeName: "fra-1", publicUrl, publicHttpUrl }, 1).slice(8)).toEqual([
      "--node-name",
      "fra-1-2",
      "--public-url",
      "https://edge.example.com:4444",
      "--public-http-url",
      "https://edge.example.com:444",
    ]);
  });

  it("leaves WebRTC ports out where there is no WebRTC, or any free one is fine", () => {
    expect(ownArgs({ tier: 1 }, 1)).not.toContain("--webrtc-port");
    expect(ownArgs({ webrtc: { off: true, port: undefined } }, 1)).not.toContain("--webrtc-port");
    expect(ownArgs({ webrtc: { off: false, port: 0 } }, 1)).not.toContain("--webrtc-port");
  });

  it.each([
    [{ port: 0 }, "needs a --port"],
    [{ port: 65_534 }, "beyond port 65535"],
    [{ port: 64_534, webrtc: { off: false, port: undefined } }, "beyond port 65535"],
    [{ webrtc: { off: false, port: 4445 } }, "overlap"],
    [{ webrtc: { off: false, port: 4441 } }, "overlap"],
    [{ publicUrl: "::" }, "must be a URL"],
  ])("refuses %j", (settings, problem) => {
    expect(() => planWorkers({ ...SETTINGS, ...settings }, ARGS)).toThrow(problem);
  });
});
