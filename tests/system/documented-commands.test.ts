import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { makeClip } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { ROOT } from "../harness/repository-root.ts";
import { type ShellSample, shellSamples } from "../harness/shell-samples.ts";
import { waitFor } from "../harness/wait-for.ts";

// What the README and the pages behind it tell a reader to type is typed here, against the tree that `npm start`
// runs. Only ports and names of files are put in; whatever a page shows has to be in one of the lists below.

const START_DEADLINE_MS = 180_000;

const pages = {
  readme: "README.md",
  publish: "docs/20-publish.md",
  timed: "docs/50-timed-messages.md",
  operate: "docs/70-operate.md",
} as const;

/** Shown, but run elsewhere: this run itself, and nodes of other machines (`tls.test.ts`, `cli.test.ts`). */
const RUN_ELSEWHERE = [
  /^npm test$/,
  /^npm run canopy -- dev$/,
  /^npm run canopy -- (origin|edge) .*(key\.json|example\.com)/,
  // Drained in drain-origin.test.ts.
  /^curl .*example\.com:\d+\/v1\/drain$/,
];

const folder = mkdtempSync(join(tmpdir(), "canopy-samples-"));
const started: StartedProcess[] = [];
const shown = new Set<string>();
const run = new Set<string>();
let node: StartedProcess;
let ports: Readonly<Record<"console" | "origin" | "rtmp" | "relay" | "edge", number>>;

beforeAll(async () => {
  const first = await findFreePorts(6);
  ports = { console: first, origin: first + 1, rtmp: first + 2, relay: first + 3, edge: first + 4 };
  const [start] = samplesOf("readme").filter(({ command }) => command === "npm start");
  if (start === undefined) throw new Error("the README does not say how to start");
  run.add(start.command);
  const [program = "", ...args] = start.command.split(" ");
  node = startProcess(program, args, {
    cwd: ROOT,
    env: {
      CANOPY_PORT: String(ports.console),
      CANOPY_ORIGIN_PORT: String(ports.origin),
      CANOPY_RTMP_PORT: String(ports.rtmp),
      CANOPY_RELAY_PORT: String(ports.relay),
      CANOPY_EDGE_PORT: String(ports.edge),
    },
  });
  await node.printed(/^canopy: ready$/m, START_DEADLINE_MS);
}, START_DEADLINE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  await node?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function samplesOf(page: keyof typeof pages): ShellSample[] {
  const samples = shellSamples(readFileSync(join(ROOT, pages[page]), "utf8"));
  for (const { command } of samples) shown.add(command);
  return samples;
}

/** The one command of a page that begins like this. */
function sampleOf(page: keyof typeof pages, start: string): ShellSample {
  const found = samplesOf(page).filter(({ command }) => command.startsWith(start));
  expect(found, `commands of ${pages[page]} that begin with "${start}"`).toHaveLength(1);
  return found[0] as ShellSample;
}

/** Puts this run's ports and files in the place of the default ones. */
function here(text: string): string {
  return text
    .replaceAll(":1935/", `:${ports.rtmp}/`)
    .replaceAll(":4440/", `:${ports.origin}/`)
    .replaceAll(":8080", `:${ports.console}`)
    .replaceAll(/\b(any|film)\.mp4\b/g, makeClip({ seconds: 30 }))
    .replaceAll(/\b(key|nodes)\.json\b/g, (name) => join(folder, name));
}

function type({ command }: ShellSample): StartedProcess {
  run.add(command);
  const typed = startProcess("bash", ["-c", `exec ${here(command)}`], { cwd: ROOT });
  started.push(typed);
  return typed;
}

async function output(sample: ShellSample): Promise<string> {
  run.add(sample.command);
  const file = join(folder, "output");
  const typed = startProcess("bash", ["-c", `{ ${here(sample.command)}\n} > ${file}`], { cwd: ROOT });
  expect(await typed.exited, `${sample.command}\n${typed.output()}`).toBe(0);
  return readFileSync(file, "utf8");
}

async function isLiveAt(port: number, broadcast: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/announced`);
  return (await response.text()).split("\n").includes(broadcast);
}

describe("what the README says", () => {
  it("publishes with ffmpeg, and the broadcast is at both edges", async () => {
    const sample = sampleOf("readme", "ffmpeg");
    expect(sampleOf("publish", "ffmpeg")).toEqual(sample);
    type(sample);
    for (const edge of [ports.edge, ports.edge + 1]) {
      await waitFor("live/x at an edge", () => isLiveAt(edge, "live/x"));
    }
  });

  it("puts an event on a frame, and is answered as the page shows", async () => {
    const readme = sampleOf("readme", "curl");
    const page = sampleOf("timed", "curl");
    expect(page.command).toBe(readme.command);
    const [, status, shape = ""] = /^(\d+) (\{.*\})$/.exec(page.comments[0] ?? "") ?? [];
    const answer = JSON.parse(await output(readme)) as Record<string, unknown>;
    expect(Object.keys(answer)).toEqual(Object.keys(JSON.parse(shape) as object));
    expect(answer).toEqual({ id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/), at: expect.any(Number) });
    const timed: ShellSample = { ...page, command: `${page.command} -o ${folder}/body -w %{http_code}` };
    run.add(page.command);
    expect(await output(timed)).toBe(status);
    run.delete(timed.command);
  });

  it("has pages where it says, and the player's script", async () => {
    const text = readFileSync(join(ROOT, pages.readme), "utf8");
    const links = [...text.matchAll(/<(http:\/\/127\.0\.0\.1[^>]*)>/g)].map(([, link = ""]) => here(link));
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) {
      const response = await fetch(link);
      expect([response.status, response.headers.get("content-type")], link).toEqual([
        200,
        expect.stringContaining("text/html"),
      ]);
    }
    const script = /<script type="module" src="([^"]*)">/.exec(text)?.[1] ?? "";
    const response = await fetch(new URL(script, `http://127.0.0.1:${ports.console}`));
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      expect.stringContaining("javascript"),
    ]);
    expect(await response.text()).toContain("CanopyPlayerElement");
  });
});

describe("what the pages behind it say", () => {
  it.each([
    ["npm run canopy -- broadcast test", "live/test"],
    ["npm run canopy -- broadcast film.mp4", "live/film"],
  ])("publishes with %s", async (start, broadcast) => {
    const typed = type(sampleOf("publish", start));
    await waitFor(
      () => `${broadcast} at an edge; ${typed.output()}`,
      () => isLiveAt(ports.edge, broadcast),
      60_000,
    );
    expect(await typed.stop()).toBe(0);
  });

  it("makes a key and a token of it", async () => {
    await output(sampleOf("operate", "npm run --silent canopy -- token --new-key"));
    expect(JSON.parse(readFileSync(join(folder, "key.json"), "utf8"))).toMatchObject({
      kty: "EC",
      alg: "ES256",
    });
    await output(sampleOf("operate", "npm run --silent canopy -- token --token-key key.json --public-keys"));
    const publicKeys = readFileSync(join(folder, "nodes.json"), "utf8");
    expect(publicKeys).toContain('"kid"');
    expect(publicKeys).not.toContain('"d"');
    const token = (
      await output(sampleOf("operate", "npm run --silent canopy -- token --token-key key.json --root"))
    ).trim();
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as object;
    expect(claims).toMatchObject({ root: "live", put: expect.anything(), get: expect.anything() });
  });

  it("is all run, here or elsewhere", () => {
    for (const page of Object.keys(pages)) samplesOf(page as keyof typeof pages);
    const left = [...shown].filter(
      (command) => !run.has(command) && !RUN_ELSEWHERE.some((pattern) => pattern.test(command)),
    );
    expect(left).toEqual([]);
  });

  it("stops cleanly in the end", async () => {
    for (const one of started.splice(0).reverse()) await one.stop();
    expect(await node.stop()).toBe(0);
  });
});
