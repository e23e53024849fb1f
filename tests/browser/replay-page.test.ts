import { describe, expect, it } from "vitest";
import type { TestPage } from "../harness/chromium.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { postTimed } from "../harness/post-timed.ts";
import { waitFor } from "../harness/wait-for.ts";

interface RecordingAnswer {
  readonly id: string;
  readonly state: string;
  readonly durationSeconds: number;
}

const stage = useDevInChromium({ edges: 1, broadcaster: true });

async function recordings(): Promise<readonly RecordingAnswer[]> {
  const answer = await (await fetch(`${stage.dev.origin}/v1/recordings`)).json();
  return (answer as { readonly recordings: RecordingAnswer[] }).recordings;
}

function untilPlays({ page }: TestPage): Promise<unknown> {
  return waitFor("the video to play", () =>
    page.evaluate(() => {
      const video = document.querySelector("video");
      return video !== null && video.readyState >= 3 && video.currentTime > 0.5;
    }),
  );
}

const play = ({ page }: TestPage) =>
  page.evaluate(() => {
    const video = document.querySelector("video");
    if (video !== null) video.muted = true;
    return video?.play();
  });

// Each in a page of its own: beside each other.
describe.concurrent("the replay page", () => {
  it("records, plays while the recording runs, and shows events at their moments in what is finished", async () => {
    const running = await stage.chromium.openPage(`${stage.dev.console}/replay`);
    await running.page.getByLabel("Broadcast to record").fill("live/demo");
    await running.page.getByRole("button", { name: "Record" }).click();
    const { id } = await waitFor("a recording", async () => {
      const [recording] = await recordings();
      return recording !== undefined && recording.durationSeconds > 4 && recording;
    });
    await postTimed(stage.dev.origin, "live/demo", { type: "quiz", data: { question: "Which river?" } });
    await running.page.goto(`${stage.dev.console}/replay?id=${id}`);
    await waitFor("a source", () =>
      running.page.evaluate(() => (document.querySelector("video")?.src ?? "") !== ""),
    );
    await play(running);
    await untilPlays(running);
    // Seeking in the growing playlist.
    await running.page.evaluate(() => {
      const video = document.querySelector("video");
      if (video !== null) video.currentTime = 3;
    });
    await waitFor("playback from there", () =>
      running.page.evaluate(() => (document.querySelector("video")?.currentTime ?? 0) > 3.3),
    );
    await waitFor("more of it", async () => ((await recordings())[0]?.durationSeconds ?? 0) > 6);
    await running.page.getByRole("button", { name: /Stop the recording of live\/demo/ }).click();
    await waitFor("the files", async () => (await recordings())[0]?.state === "ready");
    await running.context.close();

    const finished = await stage.chromium.openPage(`${stage.dev.console}/replay?id=${id}`);
    const { page } = finished;
    const moment = page.getByRole("button", { name: /quiz/ });
    await moment.waitFor();
    expect(await page.evaluate(() => document.querySelector("video")?.src)).toContain("/video.mp4");
    await play(finished);
    await untilPlays(finished);
    // Chromium has to know the length, or the MP4 could not be sought in.
    const seconds = await page.evaluate(() => document.querySelector("video")?.duration ?? 0);
    expect(seconds).toBeGreaterThan(5);
    await moment.click();
    await waitFor("the event to stand out", () =>
      page.evaluate(() => document.querySelector(".moments [aria-current]")?.textContent?.includes("quiz")),
    );
    expect(await page.getByRole("link", { name: "Download MP4" }).getAttribute("href")).toContain(id);
    expect(finished.errors).toEqual([]);

    page.once("dialog", (dialog) => void dialog.accept());
    await page.getByRole("button", { name: /Delete the recording of live\/demo/ }).click();
    await waitFor("the recording to be gone", async () => (await recordings()).length === 0);
  });

  it("shows restreams in the console, without their key", async () => {
    const console = await stage.chromium.openPage(`${stage.dev.console}/`);
    const { page } = console;
    await page.getByLabel("Broadcast to restream").fill("live/demo");
    await page.getByLabel("Target").fill("rtmp://127.0.0.1:1/live/key-that-nobody-sees");
    await page.getByRole("button", { name: "Restream", exact: true }).click();
    const entry = page.getByRole("article", { name: /live\/demo to rtmp/ });
    await entry.getByText("retrying").waitFor();
    expect(await entry.textContent()).toContain("ECONNREFUSED");
    expect(await page.content()).not.toContain("key-that-nobody");
    await entry.getByRole("button", { name: /Remove/ }).click();
    await entry.waitFor({ state: "detached" });
    expect(console.errors).toEqual([]);
  });
});
