import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WhipPublisher } from "./whip-publisher.ts";

/** Time for three to six attempts; the one that follows comes within as long again. */
const ATTEMPTS_MS = 2_000;

/** As much of an RTCPeerConnection as a publisher sees; connected when the test says so. */
class FakePeer {
  static readonly made: FakePeer[] = [];
  connectionState = "new";
  onicecandidate: unknown = null;
  onconnectionstatechange: (() => void) | null = null;
  readonly localDescription = null;

  constructor() {
    FakePeer.made.push(this);
  }

  static get last(): FakePeer {
    return FakePeer.made.at(-1) ?? expect.fail("no connection");
  }

  change(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  addTransceiver(): object {
    return { sender: { track: null } };
  }

  async createOffer(): Promise<object> {
    return { type: "offer", sdp: "v=0\r\n" };
  }

  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(): Promise<void> {}

  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }

  close(): void {}
}

/** What the origin answers from now on. */
let status: number;

beforeEach(() => {
  vi.useFakeTimers();
  FakePeer.made.length = 0;
  status = 201;
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("RTCRtpSender", {});
  vi.stubGlobal("fetch", async (_url: string, { method }: RequestInit) => {
    if (method !== "POST") return new Response();
    return new Response("v=0\r\n", { status, headers: { location: "/whip/session" } });
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function publish(): WhipPublisher {
  const picture = { kind: "video", contentHint: "motion", addEventListener() {}, getSettings: () => ({}) };
  const source = { getTracks: () => [picture], getVideoTracks: () => [picture], getAudioTracks: () => [] };
  return new WhipPublisher({
    url: "http://origin/",
    broadcast: "live/demo",
    source: source as unknown as MediaStream,
    audio: false,
  });
}

describe("WhipPublisher", () => {
  it("counts a session that is opened again once, however many attempts that takes", async () => {
    const publisher = publish();
    await vi.advanceTimersByTimeAsync(0);
    FakePeer.last.change("connected");
    expect([publisher.state, publisher.stats().reconnects]).toEqual(["live", 0]);

    status = 503;
    FakePeer.last.change("closed");
    await vi.advanceTimersByTimeAsync(ATTEMPTS_MS);
    expect(FakePeer.made.length).toBeGreaterThan(2);
    expect([publisher.state, publisher.stats().reconnects]).toEqual(["reconnecting", 1]);

    status = 201;
    await vi.advanceTimersByTimeAsync(ATTEMPTS_MS);
    FakePeer.last.change("connected");
    expect([publisher.state, publisher.stats().reconnects]).toEqual(["live", 1]);
    FakePeer.last.change("closed");
    expect([publisher.state, publisher.stats().reconnects]).toEqual(["reconnecting", 2]);
    publisher.stop();
  });

  it("counts no attempt before the first session", async () => {
    status = 503;
    const publisher = publish();
    await vi.advanceTimersByTimeAsync(ATTEMPTS_MS);
    expect(FakePeer.made.length).toBeGreaterThan(1);
    expect([publisher.state, publisher.stats().reconnects]).toEqual(["connecting", 0]);
    publisher.stop();
  });
});
