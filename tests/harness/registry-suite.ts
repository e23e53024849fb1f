import type { ControlPlane, NodeRecord, RegistryBackend, RegistryChange } from "@canopy/runtime";
import { expect, it, type TestContext } from "vitest";
import { nodeRecord as edgeRecord } from "../../packages/runtime/src/control-plane/node-record-suite.ts";
import { waitFor } from "./wait-for.ts";

/** Short, so that silence does not take long to test, and long enough for a busy machine's pauses. */
export const SUITE_TIMES = { expiryMs: 2_000, ownerSilenceMs: 1_200 };

export interface RegistryUnderTest {
  /** Another way to one and the same registry, which is empty when the test begins. */
  connect(): RegistryBackend;
  createControlPlane(): ControlPlane;
}

/** A record as an origin would announce it. */
export function nodeRecord(id: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return edgeRecord(id, { role: "origin", tier: 0, ...changes });
}

/** What every registry has to do, whatever holds it. Its tests may run beside each other. */
export function registrySuite(createRegistry: () => RegistryUnderTest): void {
  const open = ({ onTestFinished }: TestContext) => {
    const registry = createRegistry();
    const opened: { close(): Promise<void> }[] = [];
    onTestFinished(async () => {
      for (const { close } of opened) await close();
    });
    const connect = (): { backend: RegistryBackend; heard: RegistryChange[] } => {
      const backend = registry.connect();
      opened.push({ close: () => backend.close() });
      const heard: RegistryChange[] = [];
      backend.listen({ onChange: (change) => heard.push(change), onGap: () => {}, onBadChange: () => {} });
      return { backend, heard };
    };
    const createControlPlane = (): ControlPlane => {
      const plane = registry.createControlPlane();
      opened.push({ close: () => plane.close() });
      return plane;
    };
    return { connect, createControlPlane };
  };
  const reached = (backend: RegistryBackend): Promise<unknown> =>
    waitFor("the registry to answer", () => backend.read(0));
  const beat = (backend: RegistryBackend, id: number, announce = false, instance = `instance-${id}`) =>
    backend.beat({ id, instance, record: JSON.stringify(nodeRecord(id)), announce });
  const claim = (
    backend: RegistryBackend,
    path: string,
    nodeId: number,
    changes: { takeOver?: boolean; epoch?: number } = {},
  ) =>
    backend.claim({
      path,
      nodeId,
      instance: `instance-${nodeId}`,
      takeOver: false,
      live: true,
      epoch: 0,
      startedAtMs: 1_800_000_000_000,
      ...changes,
    });
  const epochOf = async (answer: ReturnType<RegistryBackend["claim"]>): Promise<number> => {
    const claimed = await answer;
    if (claimed.kind !== "claimed") throw new Error(`the path was not claimed but ${claimed.kind}`);
    return claimed.epoch;
  };

  it("knows who joined, who stays, and who has another's id", async (context) => {
    const { backend } = open(context).connect();
    await reached(backend);
    expect(await beat(backend, 1)).toBe("joined");
    expect(await beat(backend, 1)).toBe("kept");
    expect(await beat(backend, 1, false, "another")).toBe("duplicate");
    const { nodes } = await backend.read(0);
    expect(nodes.map(({ id }) => id)).toEqual(["1"]);
    expect(nodes[0]?.record).toBe(JSON.stringify(nodeRecord(1)));
    expect(nodes[0]?.ageMs).toBeLessThan(SUITE_TIMES.expiryMs);
  });

  it("gives broadcasts to those who do not know their version", async (context) => {
    const { backend } = open(context).connect();
    await reached(backend);
    await beat(backend, 1);
    const epoch = await epochOf(claim(backend, "live/a", 1));
    const first = await backend.read(0);
    expect(first.broadcasts).toEqual([{ path: "live/a", record: `1 ${epoch} 1800000000000 1` }]);
    expect((await backend.read(first.version)).broadcasts).toBeUndefined();
    await backend.setLive({ path: "live/a", nodeId: 1, epoch }, false);
    const second = await backend.read(first.version);
    expect(second.broadcasts).toEqual([{ path: "live/a", record: `1 ${epoch} 1800000000000 0` }]);
    await backend.release({ path: "live/a", nodeId: 1, epoch: epoch - 1 });
    expect((await backend.read(0)).broadcasts).toHaveLength(1);
    await backend.release({ path: "live/a", nodeId: 1, epoch });
    expect((await backend.read(0)).broadcasts).toHaveLength(0);
  });

  it("tells all who listen of joins, claims and departures in order", async (context) => {
    const { connect } = open(context);
    const [a, b] = [connect(), connect()];
    await reached(a.backend);
    await reached(b.backend);
    // The subscription may take a moment longer than the first answer.
    await waitFor("the subscription", async () => {
      await beat(a.backend, 9, true);
      return b.heard.length > 0;
    });
    await a.backend.leave(9, "instance-9");
    await waitFor("the departure", () => b.heard.at(-1)?.kind === "left");
    b.heard.length = 0;
    await beat(a.backend, 1);
    await beat(a.backend, 1);
    await beat(a.backend, 1, true);
    const epoch = await epochOf(claim(a.backend, "live/a", 1));
    await a.backend.release({ path: "live/a", nodeId: 1, epoch });
    await a.backend.leave(1, "instance-1");
    await waitFor("six changes", () => b.heard.length >= 5);
    expect(b.heard.map(({ kind }) => kind)).toEqual(["node", "node", "claimed", "released", "left"]);
    const versions = b.heard.flatMap((change) => ("version" in change ? [change.version] : []));
    expect(versions[1]).toBe((versions[0] ?? 0) + 1);
  });

  it("gives a path to one owner at a time, with rising epochs", async (context) => {
    const { connect } = open(context);
    const { backend } = connect();
    await reached(backend);
    expect(await claim(backend, "live/a", 1)).toEqual({ kind: "unregistered" });
    await beat(backend, 1);
    await beat(backend, 2);
    const first = await epochOf(claim(backend, "live/a", 1));
    expect(await epochOf(claim(backend, "live/a", 1))).toBe(first);
    expect(await claim(backend, "live/a", 2)).toMatchObject({ kind: "held", by: 1 });
    const second = await epochOf(claim(backend, "live/a", 2, { takeOver: true }));
    expect(second).toBeGreaterThan(first);
    // The former owner comes back with what it had: it is too late.
    expect(await claim(backend, "live/a", 1, { epoch: first })).toMatchObject({ kind: "held", by: 2 });
    await backend.setLive({ path: "live/a", nodeId: 2, epoch: second }, false);
    const third = await epochOf(claim(backend, "live/a", 1));
    expect(third).toBeGreaterThan(second);
    await backend.release({ path: "live/a", nodeId: 1, epoch: third });
    // A claim that the registry has lost is put back as it was.
    expect(await epochOf(claim(backend, "live/a", 1, { epoch: third }))).toBe(third);
  });

  it("lets one of many win who claim a path at once", async (context) => {
    const { connect } = open(context);
    const backends = [connect(), connect(), connect(), connect()].map(({ backend }) => backend);
    for (const [index, backend] of backends.entries()) {
      await reached(backend);
      await beat(backend, index + 1);
    }
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const node = index % backends.length;
        return claim(backends[node] as RegistryBackend, "live/a", node + 1);
      }),
    );
    const owners = answers.map((answer, index) =>
      answer.kind === "held" ? answer.by : (index % backends.length) + 1,
    );
    expect(answers.some(({ kind }) => kind === "unregistered")).toBe(false);
    expect(new Set(owners).size).toBe(1);
    const epochs = answers.flatMap((answer) => (answer.kind === "claimed" ? [answer.epoch] : []));
    expect(new Set(epochs).size).toBe(1);
    expect(epochs).toHaveLength(25);
  });

  it("frees a path whose owner is silent, and forgets the owner later with all that it had", async (context) => {
    const { connect } = open(context);
    const { backend } = connect();
    await reached(backend);
    await beat(backend, 1);
    await beat(backend, 2);
    await epochOf(claim(backend, "live/a", 1));
    await epochOf(claim(backend, "live/b", 1));
    await waitFor("the silent owner's path", async () => {
      await beat(backend, 2);
      return (await claim(backend, "live/a", 2)).kind === "claimed";
    });
    expect((await backend.read(0)).nodes).toHaveLength(2);
    await waitFor("the silent node to be forgotten", async () => {
      await beat(backend, 2);
      const { nodes, broadcasts } = await backend.read(0);
      return nodes.length === 1 && broadcasts?.length === 1;
    });
    expect((await backend.read(0)).broadcasts?.[0]?.path).toBe("live/a");
  });

  it("takes nobody for absent after it was away itself", async (context) => {
    const { connect } = open(context);
    const { backend } = connect();
    await reached(backend);
    await beat(backend, 1);
    await beat(backend, 2);
    await epochOf(claim(backend, "live/a", 1));
    await new Promise((resolve) => setTimeout(resolve, SUITE_TIMES.expiryMs + 200));
    await beat(backend, 2);
    expect(await claim(backend, "live/a", 2)).toMatchObject({ kind: "held", by: 1 });
    expect((await backend.read(0)).broadcasts).toHaveLength(1);
    expect(await beat(backend, 1)).toBe("joined");
    expect(await claim(backend, "live/a", 1)).toMatchObject({ kind: "claimed" });
  });

  it("carries a whole control plane", async (context) => {
    const { createControlPlane } = open(context);
    const [a, b] = [createControlPlane(), createControlPlane()];
    let draining = false;
    await a.register(() => nodeRecord(1, { draining }));
    await b.register(() => nodeRecord(2));
    await waitFor("each to see the other", () => a.view().nodes.size === 2 && b.view().nodes.size === 2);
    draining = true;
    await a.announce();
    await waitFor("the drain", () => b.view().nodes.get(1)?.draining);
    const lost: number[] = [];
    await waitFor("the claim", async () => {
      const options = { nodeId: 1, takeOver: false, onLost: (by: number) => lost.push(by) };
      return (await a.claim("live/a", options)).kind === "claimed";
    });
    await waitFor("the broadcast", () => b.view().broadcasts.get("live/a")?.nodeId === 1);
    expect(await b.claim("live/a", { nodeId: 2, takeOver: false })).toEqual({ kind: "held", by: 1 });
    expect((await b.claim("live/a", { nodeId: 2, takeOver: true })).kind).toBe("claimed");
    await waitFor("the loss", () => lost.length > 0);
    expect(lost).toEqual([2]);
    await b.close();
    await waitFor("the departure", () => a.view().nodes.size === 1 && a.view().broadcasts.size === 0);
  });
}
