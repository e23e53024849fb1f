import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { ROOT } from "../repository/repository-files.ts";
import { bundlePage } from "./player/bundle-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";

let chromium: TestChromium;
let script: string;
let clip: ClipFrames;

beforeAll(async () => {
  clip = makeClipFrames({ seconds: 8, fps: 25, size: "640x360", keyframeInterval: 25, bFrames: 0 });
  [script, chromium] = await Promise.all([
    bundlePage(join(ROOT, "tests", "browser", "player", "player-page.ts")),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await chromium?.close();
});

/** A page with one element that plays from the edge in the page. */
async function openElement(attributes: Record<string, string>, before = (): void => {}): Promise<Page> {
  const { page } = await chromium.openPage();
  await page.evaluate(before);
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.PlayerPage !== undefined);
  await page.evaluate(
    ([frames, set]) => {
      window.page = new window.PlayerPage(frames);
      const element = document.createElement("canopy-player");
      element.playerOverrides = {
        upstreams: [window.page.moq.factory],
        fetch: () => Promise.resolve(Response.json({ unixMicros: Math.round(window.page.nowUs()) })),
      };
      for (const [name, value] of Object.entries(set)) element.setAttribute(name, value);
      document.body.append(element);
    },
    [clip, attributes] as const,
  );
  return page;
}

const WHERE = { src: "http://edge.test", broadcast: "live/test" };

const element = (page: Page) => page.locator("canopy-player");

async function waitForState(page: Page, state: string): Promise<void> {
  await waitFor(
    `data-state ${state}`,
    async () => (await element(page).getAttribute("data-state")) === state,
  );
}

describe("CanopyPlayerElement", () => {
  it("plays by its attributes alone and mirrors state and transport", async () => {
    const page = await openElement({ ...WHERE, controls: "" });
    await waitForState(page, "playing");
    expect(await element(page).getAttribute("data-transport")).toBe("webtransport");
    await waitFor(
      "the words for it",
      async () => (await page.getByRole("status").textContent()) === "Playing live",
    );
    await waitFor("the latency on the badge", async () =>
      /\d+ ms/.test((await page.locator("#latency").textContent()) ?? ""),
    );
    await page.context().close();
  });

  it("fires timed events on the element", async () => {
    const page = await openElement(WHERE);
    await waitForState(page, "playing");
    const detail = await page.evaluate(
      () =>
        new Promise<{ id: string; at: number; mediaTimeUs: number }>((resolve) => {
          const at = Math.round(window.page.nowUs() + 150_000);
          document.addEventListener("timed", (event) => {
            const { message, mediaTimeUs } = (event as CustomEvent).detail;
            resolve({ id: message.id, at, mediaTimeUs });
          });
          window.page.moq.sendTimed({ v: 1, id: "q1", type: "quiz", at, data: { question: 1 } });
        }),
    );
    expect(detail.id).toBe("q1");
    const first = await waitFor("its picture", () =>
      page.evaluate(
        (at) =>
          document
            .querySelector("canopy-player")
            ?.stats()
            ?.presentedTimestampsUs.find((timeUs) => timeUs >= at),
        detail.at,
      ),
    );
    expect(detail.mediaTimeUs).toBe(first);
    await page.context().close();
  });

  it("shows the browser's own element when a transport presents in it", async () => {
    const page = await openElement(WHERE);
    await waitForState(page, "playing");
    const visible = () =>
      page.evaluate(() => {
        const root = document.querySelector("canopy-player")?.shadowRoot;
        return ["canvas", "video"].filter((name) => root?.querySelector<HTMLElement>(name)?.hidden === false);
      });
    expect(await visible()).toEqual(["canvas"]);
    await page.evaluate(() => {
      const player = document.querySelector("canopy-player");
      if (player === null) throw new Error("no element");
      let timer: ReturnType<typeof setInterval> | undefined;
      player.playerOverrides = {
        upstreams: [
          {
            transport: "whep",
            unsupportedReason: () => undefined,
            open: (request, sink) => {
              queueMicrotask(() => sink.onConnected("http://edge.test/"));
              timer = setInterval(() => {
                const presentedAtUs = window.page.nowUs();
                const { mediaElement } = request;
                if (mediaElement === undefined) throw new Error("no element to present in");
                sink.onElementFrame({ timestampUs: presentedAtUs, presentedAtUs, width: 640, height: 360 });
              }, 40);
              return {
                transport: "whep",
                select: () => {},
                stats: () => ({ rttMs: 0, receivedBytes: 0, lostPackets: 0, lostGroups: 0 }),
                close: () => clearInterval(timer),
              };
            },
          },
        ],
      };
      player.setAttribute("transports", "whep");
    });
    await waitFor(
      "the video element",
      async () =>
        (await visible()).join() === "video" &&
        (await element(page).getAttribute("data-transport")) === "whep",
    );
    await waitForState(page, "playing");
    await page.context().close();
  });

  it("obeys the keyboard, and every control has a label", async () => {
    const page = await openElement({ ...WHERE, controls: "" });
    await waitForState(page, "playing");
    await page.locator("#stage").focus();
    await page.keyboard.press("k");
    await waitForState(page, "idle");
    await page.getByRole("button", { name: "Play" }).last().click();
    await waitForState(page, "playing");
    await page.locator("#stage").focus();
    await page.keyboard.press("m");
    expect(await page.getByRole("button", { name: "Unmute" }).count()).toBe(1);
    await page.keyboard.press("m");
    expect(await page.getByRole("button", { name: "Mute", exact: true }).count()).toBe(1);
    await page.keyboard.press("s");
    await waitFor("the statistics", async () =>
      ((await page.locator("#stats").textContent()) ?? "").includes("Latency"),
    );
    const unlabelled = await page.evaluate(() => {
      const root = document.querySelector("canopy-player")?.shadowRoot;
      const controls = [...(root?.querySelectorAll("button, select, input") ?? [])];
      return controls
        .filter((control) => (control.getAttribute("aria-label") ?? control.textContent ?? "").trim() === "")
        .map((control) => control.id);
    });
    expect(unlabelled.filter((id) => id !== "message-action")).toEqual([]);
    await page.context().close();
  });

  it("survives being moved, removed and put back", async () => {
    const page = await openElement(WHERE);
    await waitForState(page, "playing");
    const moved = await page.evaluate(() => {
      const player = document.querySelector("canopy-player");
      const dials = window.page.moq.dials;
      const box = document.createElement("div");
      document.body.append(box);
      if (player !== null) box.append(player);
      return new Promise<boolean>((resolve) => {
        // It may stall where the machine does.
        const plays = (): boolean => player?.state === "playing" || player?.state === "stalled";
        setTimeout(() => resolve(window.page.moq.dials === dials && plays()), 300);
      });
    });
    expect(moved).toBe(true);
    await page.evaluate(() => {
      const player = document.querySelector("canopy-player");
      player?.remove();
      Object.assign(window, { player });
    });
    await waitFor("the session's end", () => page.evaluate(() => window.page.moq.viewers.size === 0));
    await page.evaluate(() => {
      document.body.append((window as unknown as { player: HTMLElement }).player);
    });
    await waitForState(page, "playing");
    await page.context().close();
  });

  it("starts anew when its source changes, and warns about a bad attribute", async () => {
    const page = await openElement({ ...WHERE, latency: "soon" });
    const warnings: string[] = [];
    page.on("console", (message) => warnings.push(message.text()));
    await waitForState(page, "playing");
    await page.evaluate(() => {
      document.querySelector("canopy-player")?.setAttribute("latency", "never");
    });
    await waitForState(page, "playing");
    await waitFor("another session", () => page.evaluate(() => window.page.moq.dials === 2));
    expect(warnings.join("\n")).toMatch(/latency="never"/);
    await page.context().close();
  });

  it("says what is wrong when nothing can play, with a button to try again", async () => {
    const page = await openElement({ ...WHERE, transports: "hls" });
    await waitForState(page, "failed");
    expect(await page.getByRole("status").textContent()).toMatch(/cannot play/);
    expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(1);
    await page.context().close();
  });

  it("offers sound with a tap where the browser wants one, and shows the picture meanwhile", async () => {
    const page = await openElement({ ...WHERE, controls: "" }, () => {
      // As browsers do that want a gesture first: suspended, and `resume` waits for it.
      // (A script that a test runs counts as a gesture, so that the browser's own rule cannot be tested.)
      let hasGesture = false;
      addEventListener("pointerdown", () => {
        hasGesture = true;
      });
      const Original = window.AudioContext;
      window.AudioContext = class extends Original {
        constructor(options?: AudioContextOptions) {
          super(options);
          void super.suspend();
        }
        override resume(): Promise<void> {
          return hasGesture ? super.resume() : new Promise(() => {});
        }
      };
    });
    await waitForState(page, "playing");
    const unmute = page.getByRole("button", { name: "Tap for sound" });
    await unmute.waitFor({ state: "visible", timeout: 10_000 });
    await unmute.click();
    await unmute.waitFor({ state: "hidden", timeout: 10_000 });
    await waitFor("sound", () =>
      page.evaluate(() => (document.querySelector("canopy-player")?.stats()?.audioPeak ?? 0) > 0.05),
    );
    await page.context().close();
  });
});
