import { describe, expect, it } from "vitest";
import { LatencyControl } from "./latency-control.ts";

const STEP_MS = 500;
/** Of what the buffer is told to hold. */
const DECODING_MS = 25;

/** A browser: holds frames for what it is told, or for what its path needs, and follows by 50 ms a step at most. */
class Receiver {
  pathMs: number;
  neededMs: number;
  bufferMs: number;
  #nowMs = 0;

  constructor(pathMs: number, neededMs: number) {
    this.pathMs = pathMs;
    this.neededMs = neededMs;
    this.bufferMs = neededMs;
  }

  get latencyMs(): number {
    return this.pathMs + this.bufferMs + 10;
  }

  run(control: LatencyControl, seconds: number): number[] {
    const latencies: number[] = [];
    for (let step = 0; step < (seconds * 1000) / STEP_MS; step += 1) {
      const { latencyMs, bufferMs, neededMs } = this;
      const targetMs = control.update({ latencyMs, bufferMs, minimumMs: neededMs }, this.#nowMs);
      const wantedMs = Math.max(neededMs, targetMs - DECODING_MS);
      this.bufferMs += Math.max(-50, Math.min(50, wantedMs - this.bufferMs));
      this.#nowMs += STEP_MS;
      latencies.push(this.latencyMs);
    }
    return latencies;
  }
}

const options = { wishMs: 150, isSync: false };

describe("LatencyControl", () => {
  it("comes to the wished latency within a few seconds and stays there", () => {
    const control = new LatencyControl(options);
    const latencies = new Receiver(20, 30).run(control, 20);
    for (const latencyMs of latencies.slice(12)) expect(Math.abs(latencyMs - 150)).toBeLessThan(10);
  });

  it("lets the browser do what it must where the path needs more", () => {
    const control = new LatencyControl(options);
    const latencies = new Receiver(150, 60).run(control, 10);
    expect(latencies.at(-1)).toBe(220);
    expect(control.targetMs).toBeLessThan(60);
    expect(control.goalMs).toBe(150);
  });

  it("follows the path when it gets longer and shorter", () => {
    const control = new LatencyControl(options);
    const receiver = new Receiver(20, 30);
    receiver.run(control, 10);
    receiver.pathMs = 70;
    expect(Math.abs((receiver.run(control, 10).at(-1) ?? 0) - 150)).toBeLessThan(10);
    receiver.pathMs = 10;
    expect(Math.abs((receiver.run(control, 10).at(-1) ?? 0) - 150)).toBeLessThan(10);
  });

  it("meets the others on the next step in sync mode, and comes back when that holds", () => {
    const control = new LatencyControl({ wishMs: 150, isSync: true });
    const receiver = new Receiver(120, 80);
    expect(Math.abs((receiver.run(control, 15).at(-1) ?? 0) - 300)).toBeLessThan(10);
    receiver.pathMs = 20;
    receiver.neededMs = 30;
    expect(Math.abs((receiver.run(control, 20).at(-1) ?? 0) - 300)).toBeLessThan(10);
    expect(Math.abs((receiver.run(control, 30).at(-1) ?? 0) - 150)).toBeLessThan(10);
  });
});
