import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StartOriginOptions, TestOrigin } from "../harness/origin.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Answer {
  readonly recordings: readonly {
    readonly id: string;
    readonly broadcast: string;
    readonly room?: string;
    readonly roomRecording?: string;
    readonly state: string;
    readonly durationSeconds: number;
  }[];
  readonly rooms: readonly RoomAnswer[];
}

interface RoomAnswer {
  readonly id: string;
  readonly room: string;
  readonly state: string;
  readonly recordings: readonly string[];
  readonly durationSeconds: number;
  readonly error?: { readonly code: string };
}

let folder: string;
let origin: TestOrigin;
let live: SyntheticBroadcast[];

const startOrigin = (
  more: Partial<NonNullable<StartOriginOptions["recordings"]>> = {},
): Promise<TestOrigin> =>
  TestOrigin.start({ recordings: { folder, segmentMs: 1_000, lingerMs: 20_000, ...more } });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-rooms-"));
  live = [];
  origin = await startOrigin();
});

afterEach(async () => {
  for (const broadcast of live) broadcast.end();
  await origin[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function publish(path: string): SyntheticBroadcast {
  const broadcast = new SyntheticBroadcast(origin.node.relay.store, { path }).run();
  live.push(broadcast);
  return broadcast;
}

function post(body: unknown): Promise<Response> {
  return fetch(`${origin.api}/v1/recordings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function start(room: string): Promise<string> {
  const response = await post({ room });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

async function list(): Promise<Answer> {
  return (await (await fetch(`${origin.api}/v1/recordings`)).json()) as Answer;
}

async function look(id: string): Promise<RoomAnswer> {
  return (await (await fetch(`${origin.api}/v1/recordings/${id}`)).json()) as RoomAnswer;
}

/** The broadcasts that are recorded for the room, once there are so many. */
function recorded(count: number): Promise<Answer["recordings"]> {
  let last: Answer | undefined;
  return waitFor(
    () => `${count} recordings: ${JSON.stringify(last)}`,
    async () => {
      last = await list();
      const { recordings } = last;
      return (
        recordings.length === count && recordings.every(({ state }) => state === "recording") && recordings
      );
    },
  );
}

const remove = (id: string, query = ""): Promise<Response> =>
  fetch(`${origin.api}/v1/recordings/${id}${query}`, { method: "DELETE" });

describe("a room's recording", () => {
  it("takes what is live and what comes later, nothing beside it, and ends as a whole", async () => {
    publish("class-7/teacher");
    publish("class-70/teacher");
    publish("class-7");
    const id = await start("class-7");
    await recorded(1);
    publish("class-7/seat/3");
    const recordings = await recorded(2);
    expect(recordings.map(({ broadcast }) => broadcast)).toEqual(["class-7/seat/3", "class-7/teacher"]);
    for (const recording of recordings)
      expect(recording).toMatchObject({ room: "class-7", roomRecording: id });
    await waitFor("media of both", async () =>
      (await list()).recordings.every(({ durationSeconds }) => durationSeconds >= 1),
    );
    expect(await look(id)).toMatchObject({
      room: "class-7",
      state: "recording",
      recordings: recordings.map((recording) => recording.id),
    });
    expect((await post({ room: "class-7" })).status).toBe(409);

    expect((await remove(id)).status).toBe(202);
    publish("class-7/late");
    const ended = await waitFor("the files", async () => {
      const room = await look(id);
      return room.state === "ready" && room;
    });
    expect(ended.recordings).toHaveLength(2);
    expect(ended.durationSeconds).toBeGreaterThanOrEqual(2);
    const after = await list();
    expect(after.recordings.map(({ state }) => state)).toEqual(["ready", "ready"]);
    expect(after.rooms.map((room) => room.id)).toEqual([id]);

    expect((await remove(id, "?purge=true")).status).toBe(204);
    expect(await list()).toEqual({ recordings: [], rooms: [] });
    expect((await remove(id)).status).toBe(404);
  });

  it("stays on through a restart of the origin", async () => {
    const id = await start("class-8");
    publish("class-8/a");
    const [before] = await recorded(1);
    for (const broadcast of live.splice(0)) broadcast.end();
    await origin[Symbol.asyncDispose]();
    origin = await startOrigin();
    publish("class-8/a");
    publish("class-8/b");
    const recordings = await recorded(2);
    expect(recordings.map(({ broadcast }) => broadcast)).toEqual(["class-8/b", "class-8/a"]);
    // That of before goes on.
    expect(recordings[1]?.id).toBe(before?.id);
    expect(recordings.every(({ roomRecording }) => roomRecording === id)).toBe(true);
  });

  it("leaves a broadcast to the recording that has it, and says what it has no room for until it has", async () => {
    await origin[Symbol.asyncDispose]();
    origin = await startOrigin({ maxRecordings: 2 });
    publish("class-9/a");
    const single = ((await (await post({ broadcast: "class-9/a" })).json()) as { id: string }).id;
    const id = await start("class-9");
    publish("class-9/b");
    await recorded(2);
    publish("class-9/c");
    const full = await waitFor("the refusal", async () => {
      const room = await look(id);
      return room.error !== undefined && room;
    });
    expect(full.error?.code).toBe("too-many-recordings");
    expect(full.recordings).toHaveLength(1);
    expect((await remove(single, "?purge=true")).status).toBe(204);
    const room = await waitFor("the next try", async () => {
      const now = await look(id);
      return now.recordings.length === 2 && now;
    });
    expect(room.error).toBeUndefined();
  });

  it("refuses what is no room", async () => {
    for (const body of [
      { room: "" },
      { room: "/" },
      { room: "a/../b" },
      { room: 7 },
      {},
      { room: "a", broadcast: "b" },
    ]) {
      const response = await post(body);
      expect(response.status, JSON.stringify(body)).toBe(400);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
    }
  });
});
