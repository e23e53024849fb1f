import { createMemoryPair } from "@canopy/transport/memory";
import { afterEach, describe, expect, it } from "vitest";
import { MemoryTree, OPEN_SCOPE, TestEncoder, VIDEO_INFO, Viewer } from "./memory-tree-suite.ts";
import { StaticParents } from "./tree/choose-parent.ts";
import { LocalFirstParents } from "./tree/local-first-parents.ts";

let tree = new MemoryTree();

afterEach(async () => {
  await tree.closeEmpty();
  tree = new MemoryTree();
});

/** origin ◀ relay ◀ edge, with a video that runs. */
async function threeTiers() {
  const origin = tree.addNode("origin");
  const relay = tree.addNode("relay", ["origin"]);
  const edge = tree.addNode("edge", ["relay"]);
  const broadcast = origin.store.publish("live/demo");
  const video = broadcast.createTrack("video", VIDEO_INFO);
  const encoder = new TestEncoder(tree, video);
  await tree.advance(100);
  return { origin, relay, edge, broadcast, video, encoder };
}

describe("a tree of RelayNodes", () => {
  it("announces through every tier with the chain of hops, and takes it back", async () => {
    const { broadcast } = await threeTiers();
    const viewer = tree.addViewer("edge");
    const announcements = viewer.announced();
    await tree.advance(50);
    expect(announcements).toEqual(["active live/demo 1>2>3", "ready"]);
    broadcast.end();
    await tree.advance(50);
    expect(announcements.slice(2)).toEqual(["ended live/demo"]);
  });

  it("asks upstream once for a track, whatever the number of viewers, and passes every frame on in order", async () => {
    const { origin, relay, edge, encoder } = await threeTiers();
    await encoder.run(400);
    const viewers = Array.from({ length: 200 }, () => tree.addViewer("edge").watch("live/demo"));
    await tree.advance(50);
    await encoder.run(2_000);
    await tree.advance(100);
    expect(edge.upstreamCounters.subscriptions).toBe(1);
    expect(relay.upstreamCounters.subscriptions).toBe(1);
    expect(relay.downstreamCounters.subscriptions).toBe(1);
    expect(origin.downstreamCounters.subscriptions).toBe(1);
    expect(edge.downstreamCounters.subscriptions).toBe(200);
    const sent = encoder.sent.slice(-(viewers[0]?.groups.length ?? 0));
    for (const watching of viewers) {
      expect(watching.sequences).toEqual(sent.map((group) => group.sequence));
      expect(watching.timestamps).toEqual(sent.flatMap((group) => group.timestamps));
    }
  });

  it("gives a viewer who comes before the first track all of it, from every tier", async () => {
    const origin = tree.addNode("origin");
    tree.addNode("relay", ["origin"]);
    tree.addNode("edge", ["relay"]);
    await tree.advance(100);
    const broadcast = origin.store.publish("live/demo");
    await tree.advance(50);
    const eager = tree.addViewer("edge").watch("live/demo");
    await tree.advance(1_000);
    const encoder = new TestEncoder(tree, broadcast.createTrack("video", VIDEO_INFO));
    await encoder.run(800);
    await tree.advance(50);
    expect(eager.info).toEqual(VIDEO_INFO);
    expect(eager.timestamps).toEqual(encoder.timestamps);
    expect(eager.closed).toBeUndefined();
  });

  it("starts a late viewer at the newest group's first frame at once", async () => {
    const { encoder } = await threeTiers();
    tree.addViewer("edge").watch("live/demo");
    await encoder.run(520);
    const late = tree.addViewer("edge").watch("live/demo");
    await tree.advance(20);
    const newest = encoder.sent[encoder.sent.length - 1];
    expect(newest?.timestamps.length).toBe(3);
    expect(late.groups).toEqual([{ ...newest, state: "open" }]);
    expect(late.info).toEqual(VIDEO_INFO);
  });

  it("keeps an upstream subscription for some seconds after the last viewer left, then releases it", async () => {
    const { origin, edge, encoder } = await threeTiers();
    const viewer = tree.addViewer("edge");
    viewer.watch("live/demo");
    await encoder.run(400);
    viewer.close();
    await encoder.run(4_000);
    expect(edge.upstreamCounters.subscriptions).toBe(1);
    await encoder.run(7_500);
    expect(edge.upstreamCounters.subscriptions).toBe(0);
    await encoder.run(6_000);
    expect(origin.downstreamCounters.subscriptions).toBe(0);
    expect(edge.store.cacheBytes).toBe(0);
  });

  it("lets a slow viewer lose groups of his own only, within bounded memory", async () => {
    const { edge, encoder } = await threeTiers();
    encoder.frameBytes = 20_000;
    const slowSession = tree.connect("viewer", "edge", {
      bandwidthBps: 1_000_000,
      streamWindowBytes: 64 * 1024,
    });
    const slow = new Viewer(slowSession, tree.clock).watch("live/demo");
    const fast = Array.from({ length: 10 }, () => tree.addViewer("edge").watch("live/demo"));
    await tree.advance(50);
    let largest = 0;
    for (let round = 0; round < 25; round += 1) {
      await encoder.run(400);
      const server = tree.connections.find(({ pair }) => pair.client === slowSession)?.pair.server;
      largest = Math.max(largest, server?.stats().bufferedBytes ?? 0);
    }
    await tree.advance(200);
    for (const watching of fast) {
      expect(watching.timestamps).toEqual(encoder.timestamps);
      expect(watching.groups.every((group) => group.state !== "aborted")).toBe(true);
    }
    expect(slow.groups.filter((group) => group.state === "aborted").length).toBeGreaterThan(5);
    // He still gets what is new: the last frame he has is younger than two groups.
    const newest = Math.max(...slow.timestamps);
    expect(tree.clock.nowUs() - newest).toBeLessThan(1_500_000);
    expect(largest).toBeLessThan(2 * 1024 * 1024);
    const { late, backlog } = edge.downstreamCounters.groupsDropped;
    expect(late + backlog).toBeGreaterThan(5);
  });

  it("goes on with the next parent when one dies: no group twice, none lost, no viewer disturbed", async () => {
    const { origin, encoder } = await threeTiers();
    tree.addNode("relay2", ["origin"]);
    const edge = tree.addNode("edge2", ["relay", "relay2"]);
    await tree.advance(100);
    const viewer = tree.addViewer("edge2");
    const announcements = viewer.announced();
    const watching = viewer.watch("live/demo");
    await tree.advance(50);
    await encoder.run(1_000);
    tree.kill("relay");
    const killedAtUs = tree.clock.nowUs();
    await encoder.run(3_000);
    await tree.advance(100);
    expect(edge.upstreamCounters.parentSwitches.silent).toBe(1);
    expect(viewer.closed).toBe(false);
    expect(watching.closed).toBeUndefined();
    expect(new Set(watching.sequences).size).toBe(watching.groups.length);
    expect([...watching.timestamps].sort()).toEqual([...new Set(watching.timestamps)].sort());
    const missing = encoder.sent.filter((group) => !watching.sequences.includes(group.sequence));
    const cut = watching.groups.filter((group) => group.state === "aborted");
    // The first group after his join is the newest of that time; from there on nothing is missing.
    expect([missing.length, cut.length]).toEqual([0, 0]);
    const afterwards = watching.timestamps.filter((timestampUs) => timestampUs > killedAtUs);
    expect(afterwards.length).toBeGreaterThan(60);
    expect(announcements).toEqual(["active live/demo 1>2>5", "ready", "replaced live/demo 1>4>5"]);
    expect(origin.downstreamCounters.subscriptions).toBeGreaterThan(0);
  });

  it("carries hundreds of tracks to one child, and over to the next parent, without giving up a group", async () => {
    const origin = tree.addNode("origin");
    tree.addNode("relay1", ["origin"]);
    tree.addNode("relay2", ["origin"]);
    const edge = tree.addNode("edge", ["relay1", "relay2"]);
    const encoders = Array.from({ length: 300 }, (_, index) => {
      const track = origin.store.publish(`live/${index}`).createTrack("video", VIDEO_INFO);
      const encoder = new TestEncoder(tree, track, 5);
      encoder.frameBytes = 100;
      return encoder;
    });
    await tree.advance(100);
    const viewer = tree.addViewer("edge");
    const watching = encoders.map((_, index) => viewer.watch(`live/${index}`));
    const run = async (frames: number) => {
      for (let frame = 0; frame < frames; frame += 1) {
        for (const encoder of encoders) encoder.frame();
        await tree.advance(40);
      }
    };
    await run(5);
    tree.kill("relay1");
    await run(30);
    await tree.advance(100);
    expect(edge.topology().parent?.url).toBe("https://relay2/");
    for (const [index, { closed, timestamps }] of watching.entries()) {
      expect(closed).toBeUndefined();
      // After the change the newest group goes first.
      expect(timestamps.toSorted((a, b) => a - b)).toEqual(encoders[index]?.timestamps);
    }
  });

  it("does not take an orderly stop of its parent for the end of the broadcasts", async () => {
    const { relay, edge, encoder } = await threeTiers();
    const watching = tree.addViewer("edge").watch("live/demo");
    await tree.advance(50);
    await encoder.run(1_000);
    for (const { pair, from } of tree.connections) if (from === "edge") pair.server.close(0, "server stops");
    await encoder.run(1_000);
    await tree.advance(100);
    expect(edge.upstreamCounters.parentSwitches.closed).toBe(1);
    expect(relay.downstreamCounters.subscriptions).toBe(1);
    expect(watching.closed).toBeUndefined();
    expect(watching.timestamps).toEqual(encoder.timestamps);
  });

  it("waits for a parent that is started again, without an end for the viewers", async () => {
    const { edge, encoder } = await threeTiers();
    const viewer = tree.addViewer("edge");
    const announcements = viewer.announced();
    const watching = viewer.watch("live/demo");
    await tree.advance(50);
    await encoder.run(1_000);
    tree.kill("relay");
    await encoder.run(1_000);
    tree.addNode("relay", ["origin"], { originId: 2 });
    await encoder.run(4_000);
    await tree.advance(100);
    expect(edge.upstreamCounters.parentSwitches.silent).toBe(1);
    expect(announcements).toEqual(["active live/demo 1>2>3", "ready"]);
    expect(watching.closed).toBeUndefined();
    expect(new Set(watching.sequences).size).toBe(watching.groups.length);
    expect(watching.sequences.slice(-3)).toEqual(encoder.sent.slice(-3).map((group) => group.sequence));
  });

  it("is back with a parent that was away for seconds as soon as that is there", async () => {
    const { edge, encoder } = await threeTiers();
    const viewer = tree.addViewer("edge");
    const watching = viewer.watch("live/demo");
    // A parent counts as sound after a second.
    await encoder.run(1_500);
    tree.kill("relay");
    await encoder.run(3_000);
    const before = watching.timestamps.length;
    tree.addNode("relay", ["origin"], { originId: 2 });
    await encoder.run(480);
    expect(edge.readiness().ready).toBe(true);
    expect(watching.timestamps.length).toBeGreaterThan(before);
  });

  it("moves to the parent that GOAWAY names before it leaves the old one, without a gap", async () => {
    const { relay, edge, encoder } = await threeTiers();
    tree.addNode("relay2", ["origin"]);
    await tree.advance(100);
    const viewer = tree.addViewer("edge");
    const watching = viewer.watch("live/demo");
    await tree.advance(50);
    await encoder.run(1_000);
    relay.drain("https://relay2/");
    await encoder.run(2_000);
    await tree.advance(100);
    expect(edge.topology().parent?.url).toBe("https://relay2/");
    expect(edge.upstreamCounters.parentSwitches).toEqual({ closed: 0, silent: 0, goaway: 1, refused: 0 });
    expect(relay.downstreamCounters.subscriptions).toBe(0);
    expect(watching.closed).toBeUndefined();
    expect(watching.timestamps).toEqual(encoder.timestamps);
    expect(watching.groups.every((group) => group.state !== "aborted")).toBe(true);
  });

  it("goes back to a better parent when that is there again, without a gap, and not before", async () => {
    const { encoder } = await threeTiers();
    const worker = tree.addNode(
      "worker",
      ["edge"],
      {},
      {
        parents: new LocalFirstParents({ url: "https://edge/" }, new StaticParents(["https://relay/"])),
      },
    );
    await tree.advance(100);
    const watching = tree.addViewer("worker").watch("live/demo");
    await tree.advance(50);
    await encoder.run(1_500);
    expect(worker.topology().parent?.url).toBe("https://edge/");
    tree.kill("edge");
    await encoder.run(2_000);
    expect(worker.topology().parent?.url).toBe("https://relay/");
    await encoder.run(10_000);
    expect(worker.topology().parent?.url).toBe("https://relay/");
    tree.addNode("edge", ["nobody"], { originId: 77 });
    await encoder.run(11_000);
    // It is there, but has nothing yet.
    expect(worker.topology().parent?.url).toBe("https://relay/");
    tree.kill("edge");
    tree.addNode("edge", ["relay"], { originId: 78 });
    await encoder.run(17_000);
    expect(worker.topology().parent?.url).toBe("https://edge/");
    await tree.advance(100);
    expect(watching.closed).toBeUndefined();
    // A group that the loss cut off was completed after the next one had begun.
    expect([...watching.timestamps].sort((a, b) => a - b)).toEqual(encoder.timestamps);
  });

  it("takes its own choice when GOAWAY names a place that is none, and counts it", async () => {
    for (const uri of ["http://relay2/", "https://127.0.0.1:6379/", "nowhere", "https://relay/"]) {
      await tree.close();
      tree = new MemoryTree();
      tree.addNode("origin");
      const relay = tree.addNode("relay", ["origin"]);
      tree.addNode("relay2", ["origin"]);
      const edge = tree.addNode("edge", ["relay", "relay2"]);
      await tree.advance(100);
      expect(edge.topology().parent?.url).toBe("https://relay/");
      relay.drain(uri);
      relay.drain("https://origin/");
      await tree.advance(500);
      expect(edge.topology().parent?.url).toBe("https://relay2/");
      expect(edge.upstreamCounters.goawaysRefused).toBe(1);
      expect(edge.upstreamCounters.parentSwitches).toEqual({ closed: 0, silent: 0, goaway: 1, refused: 0 });
    }
  });

  it("goes its own way when GOAWAY names a node that cannot be reached", async () => {
    tree.addNode("origin");
    const relay = tree.addNode("relay", ["origin"]);
    tree.addNode("relay2", ["origin"]);
    const edge = tree.addNode("edge", ["relay", "relay2"]);
    await tree.advance(100);
    relay.drain("https://nobody.example/");
    await tree.advance(500);
    expect(edge.topology().parent?.url).toBe("https://relay2/");
    expect(edge.upstreamCounters.parentSwitches).toEqual({ closed: 0, silent: 0, goaway: 1, refused: 1 });
  });

  it("asks each session to leave once, a few at a time", async () => {
    const relay = tree.addNode("relay");
    const viewers = Array.from({ length: 5 }, () => tree.addViewer("relay"));
    await tree.advance(50);
    let next = 0;
    const nextUri = (): string => `https://edge${next++}/`;
    expect(relay.sendAway(2, nextUri)).toBe(2);
    await tree.advance(50);
    expect(viewers.map(({ goaway }) => goaway)).toEqual([
      "https://edge0/",
      "https://edge1/",
      undefined,
      undefined,
      undefined,
    ]);
    expect(relay.sendAway(10, nextUri)).toBe(3);
    expect(relay.sendAway(10, nextUri)).toBe(0);
    await tree.advance(50);
    expect(viewers.map(({ goaway }) => goaway)).toEqual(
      [0, 1, 2, 3, 4].map((index) => `https://edge${index}/`),
    );
    expect(relay.downstreamCounters.goaways).toBe(5);
  });

  it("does not let announcements circulate among nodes that are each other's parents", async () => {
    const a = tree.addNode("a", ["c"]);
    const b = tree.addNode("b", ["a"]);
    const c = tree.addNode("c", ["b"]);
    await tree.advance(1_000);
    const broadcast = a.store.publish("live/demo");
    await tree.advance(500);
    expect(a.store.get("live/demo")?.routes).toHaveLength(1);
    expect(b.store.get("live/demo")?.hops).toEqual([1]);
    expect(c.store.get("live/demo")?.hops).toEqual([1, 2]);
    broadcast.end();
    await tree.advance(500);
    for (const node of [a, b, c]) expect(node.store.get("live/demo")).toBeUndefined();
  });

  it("continues a publisher's broadcast when he comes back within the linger time", async () => {
    const origin = tree.addNode("origin", [], { acceptPublishers: true });
    tree.addNode("edge", ["origin"]);
    const first = tree.addPublisher("origin");
    const firstEncoder = new TestEncoder(
      tree,
      first.store.publish("live/demo").createTrack("video", VIDEO_INFO),
    );
    firstEncoder.frame(0);
    await tree.advance(100);
    const viewer = tree.addViewer("edge");
    const announcements = viewer.announced();
    const watching = viewer.watch("live/demo");
    await tree.advance(50);
    await firstEncoder.run(800);
    tree.connections.find(({ pair }) => pair.client === first.peer.session)?.pair.server.close(4, "lost");
    await tree.advance(1_000);
    const second = tree.addPublisher("origin");
    const secondEncoder = new TestEncoder(
      tree,
      second.store.publish("live/demo").createTrack("video", VIDEO_INFO),
    );
    secondEncoder.frame(0);
    await secondEncoder.run(800);
    await tree.advance(100);
    expect(origin.store.get("live/demo")?.lingering).toBe(false);
    expect(announcements).toEqual(["active live/demo 1>2", "ready"]);
    expect(watching.closed).toBeUndefined();
    const { sequences } = watching;
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(watching.timestamps.slice(-20)).toEqual(secondEncoder.timestamps.slice(-20));
    second.peer.close(0, "bye", { linger: false });
    await tree.advance(100);
    expect(announcements.slice(2)).toEqual(["ended live/demo"]);
  });

  it("shows a session only what lies below its root and its permission, by relative names", async () => {
    const { origin } = await threeTiers();
    origin.store.publish("live/secret/show");
    origin.store.publish("other/demo");
    await tree.advance(100);
    const viewer = tree.addViewer("edge", {}, { root: "live", put: [], get: ["demo"] });
    const announcements = viewer.announced();
    const allowed = viewer.watch("demo");
    const forbidden = viewer.watch("secret/show");
    await tree.advance(100);
    expect(announcements).toEqual(["active demo 1>2>3", "ready"]);
    expect(allowed.info).toEqual(VIDEO_INFO);
    expect(forbidden.closed).toBe("closed 6");
  });

  it("closes a session that is refused, and one that asks for nothing", async () => {
    const { edge } = await threeTiers();
    const pair = createMemoryPair({ clock: tree.clock, path: "/live?jwt=bad" });
    const refused = new Viewer(pair.client, tree.clock);
    const asked: string[] = [];
    edge.acceptSession(pair.server, async (path) => {
      asked.push(path);
      return undefined;
    });
    const idle = tree.addViewer("edge");
    await tree.advance(1_000);
    expect(asked).toEqual(["/live?jwt=bad"]);
    expect(refused.closed).toBe(true);
    expect(idle.closed).toBe(false);
    await tree.advance(20_000);
    expect(idle.closed).toBe(true);
    expect(edge.downstreamCounters.sessionsSilent).toBe(1);
  });

  it("closes a session alone that fails as it opens", async () => {
    const { edge } = await threeTiers();
    const origin = tree.addNode("open", [], { acceptPublishers: true });
    const pair = createMemoryPair({ clock: tree.clock, path: "/" });
    const refused = new Viewer(pair.client, tree.clock);
    const tooDeep = Array.from({ length: 40 }, () => "x").join("/");
    origin.acceptSession(pair.server, () => Promise.resolve({ root: "", put: [tooDeep], get: [""] }));
    await tree.advance(100);
    expect(refused.closed).toBe(true);
    expect(edge.openCount).toBeGreaterThan(0);
  });

  it("does not dial in a loop a parent that loses its children as soon as they are there", async () => {
    const origin = tree.addNode("origin");
    let attempts = 0;
    tree.addNode(
      "edge",
      ["origin"],
      {},
      {
        connect: () => {
          attempts += 1;
          const pair = createMemoryPair({ clock: tree.clock, delayMs: 2 });
          origin.acceptSession(pair.server, OPEN_SCOPE);
          tree.clock.schedule(50, () => pair.server.close(0, "overloaded"));
          return Promise.resolve(pair.client);
        },
      },
    );
    await tree.advance(10_000);
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(15);
  });

  it("becomes ready with its parent and describes its place in the tree", async () => {
    const orphan = tree.addNode("orphan", ["nowhere"]);
    await tree.advance(500);
    expect(orphan.readiness()).toEqual({ ready: false, reasons: ["no parent is connected"] });
    const { edge, encoder } = await threeTiers();
    tree.addViewer("edge").watch("live/demo");
    await encoder.run(200);
    expect(edge.readiness().ready).toBe(true);
    expect(edge.topology()).toMatchObject({
      name: "edge",
      parent: { url: "https://relay/" },
      sessions: 1,
      subscriptions: { upstream: 1, downstream: 1 },
      broadcasts: [{ path: "live/demo", lingering: false, tracks: [{ name: "video", subscriptions: 1 }] }],
    });
    expect([...edge.announced()]).toEqual(["live/demo"]);
    expect(OPEN_SCOPE.get).toEqual([""]);
  });
});
