import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StartedProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { TestOrigin } from "../harness/origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/demo";
const JSON_TYPE = "application/json";

let origin: TestOrigin;
let publisher: StartedProcess;

beforeAll(async () => {
  origin = await TestOrigin.start();
  publisher = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/${PATH}`);
  await waitFor("the broadcast", () => origin.node.store.get(PATH)?.track("video")?.latest);
});

afterAll(async () => {
  await publisher?.stop();
  await origin?.[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly detail: string;
  readonly retryAfter: string | null;
}

async function send(body: BodyInit, type: string = JSON_TYPE, path = PATH): Promise<Answer> {
  const url = `${origin.api}/v1/broadcasts/${path}/timed`;
  const response = await fetch(url, { method: "POST", headers: { "content-type": type }, body });
  const answer = (await response.json()) as { status?: number; title?: string; detail?: string };
  if (response.status !== 202) {
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.status).toBe(response.status);
    expect(answer.title).toBeTruthy();
  }
  return {
    status: response.status,
    detail: answer.detail ?? "",
    retryAfter: response.headers.get("retry-after"),
  };
}

function sendMessage(message: object): Promise<Answer> {
  return send(JSON.stringify(message));
}

const NOW_US = Date.now() * 1_000;
const VALID = { type: "cue", data: 1 };

/** What is sent, the status, and what the text of the answer must name. */
const REFUSED: readonly (readonly [string, () => Promise<Answer>, number, RegExp])[] = [
  ["a message over 1 KB", () => sendMessage({ type: "a", data: "x".repeat(1_024) }), 413, /1024 bytes/],
  [
    "1 KB of letters that take two bytes",
    () => sendMessage({ type: "a", data: "é".repeat(500) }),
    413,
    /1024/,
  ],
  ["a body of megabytes", () => sendMessage({ type: "a", data: "x".repeat(4_000_000) }), 413, /./],
  ["an unknown broadcast", () => send(JSON.stringify(VALID), JSON_TYPE, "live/nobody"), 404, /live\/nobody/],
  ["a path outside of all broadcasts", () => send(JSON.stringify(VALID), JSON_TYPE, "../../etc"), 404, /./],
  ["no body", () => send(""), 400, /body|JSON/i],
  ["JSON that is cut off", () => send('{"type":"cue","data":'), 400, /JSON/],
  ["bytes that are no UTF-8", () => send(new Uint8Array([0x7b, 0xff, 0xfe, 0x80, 0x7d])), 400, /JSON/],
  ["another media type", () => send("type=cue", "application/x-www-form-urlencoded"), 415, /media type/i],
  ["a list", () => send("[1,2]"), 400, /object/],
  ["a message without type", () => sendMessage({ data: 1 }), 400, /type/],
  ["a message without data", () => sendMessage({ type: "cue" }), 400, /data/],
  ["an empty type", () => sendMessage({ type: "", data: 1 }), 400, /type/],
  ["a type of 65 letters", () => sendMessage({ type: "t".repeat(65), data: 1 }), 400, /64/],
  ["an unknown field", () => sendMessage({ ...VALID, when: 1 }), 400, /additional/],
  ["a prototype as a field", () => send('{"type":"a","data":1,"__proto__":{"x":1}}'), 400, /JSON/],
  ["a time with a fraction", () => sendMessage({ ...VALID, at: NOW_US + 0.5 }), 400, /at.*integer/],
  ["a time before 1970", () => sendMessage({ ...VALID, at: -1 }), 400, /at.*0/],
  ["a time that is no safe integer", () => send('{"type":"a","data":1,"at":1e300}'), 400, /at/],
  ["a time next year", () => sendMessage({ ...VALID, at: NOW_US + 3e13 }), 400, /3600 s/],
  ["a delay of two hours", () => sendMessage({ ...VALID, delayMs: 7_200_000 }), 400, /delayMs.*3600000/],
  ["a type that is a number", () => sendMessage({ type: 7, data: 1 }), 400, /type.*string/],
  ["a time in a string", () => sendMessage({ ...VALID, at: String(NOW_US) }), 400, /at.*integer/],
  ["a misspelt delay", () => sendMessage({ ...VALID, delayMS: 500 }), 400, /additional/],
  ["a time and a delay", () => sendMessage({ ...VALID, at: NOW_US, delayMs: 1 }), 400, /either/],
  ["eleven copies", () => sendMessage({ ...VALID, repeat: 11 }), 400, /repeat.*10/],
];

describe("POST /v1/broadcasts/<broadcast>/timed", () => {
  it.each(REFUSED)("refuses %s and says why", async (_name, attempt, status, text) => {
    const answer = await attempt();
    expect(answer.status, answer.detail).toBe(status);
    expect(answer.detail).toMatch(text);
  });

  it("takes 30 messages in a second, refuses more with the limit in the text, and takes them again later", async () => {
    const answers = await Promise.all(Array.from({ length: 90 }, () => sendMessage(VALID)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 202).length).toBe(90 - refused.length);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(90);
    for (const { detail, retryAfter } of refused) {
      expect(detail).toContain("30 timed messages per second");
      expect(retryAfter).toBe("1");
    }
    await waitFor("messages to be taken again", async () => (await sendMessage(VALID)).status === 202);
  });

  it("takes 8 KiB in a second and refuses more with the limit in the text", async () => {
    const large = { type: "cue", data: "x".repeat(800) };
    // The messages of the tests before are out of the window of a second, whose other limit they would reach.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const answers = await Promise.all(Array.from({ length: 14 }, () => sendMessage(large)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(14);
    for (const { detail } of refused) expect(detail).toContain("8192 bytes of timed messages per second");
  });

  it("leaves picture and good messages as they are", async () => {
    const video = origin.node.store.get(PATH)?.track("video");
    const before = video?.latest?.sequence ?? 0;
    expect((await sendMessage({ type: "cue", data: { deep: [[[[{}]]]] } })).status).toBe(202);
    await waitFor("two more groups", () => (video?.latest?.sequence ?? 0) >= before + 2);
  });
});
