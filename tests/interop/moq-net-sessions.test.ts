import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import type { TestChromium, TestPage } from "../harness/chromium.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { launchKillableChromium } from "./moq-pages/launch-killable-chromium.ts";
import { bundleMoqPage, type MoqPage, openMoqPage } from "./moq-pages/open-moq-page.ts";
import type { AnnounceEvent, FollowReport } from "./moq-pages/raw-page.ts";

const LITE_05 = ["moq-lite-05"];
const LITE_04 = ["moq-lite-04"];
const LITE_03 = ["moq-lite-03"];
const LEGACY: readonly string[] = [];

/** With room for a busy machine; a QUIC session takes 30 s to time out. */
const COME_BACK_MS = 15_000;
/** @moq/net's own pause before it opens a session again. */
const RECONNECT_MS = 1_000;

const stage = useDevInChromium({ edges: 2 });
let moqPage: MoqPage;

beforeAll(async () => {
  moqPage = await bundleMoqPage("rawPage");
});

/** A page with a bare session to a node. */
class RawSession implements AsyncDisposable {
  readonly #opened: TestPage;

  private constructor(page: TestPage) {
    this.#opened = page;
  }

  static async open(
    node: string,
    offer: readonly string[],
    browser: Pick<TestChromium, "openPage"> = stage.chromium,
  ): Promise<RawSession> {
    const page = await openMoqPage(browser, moqPage, offer);
    await page.page.evaluate((url) => window.rawPage.open(url), `${node}/`);
    return new RawSession(page);
  }

  get page(): TestPage["page"] {
    return this.#opened.page;
  }

  publish(path: string, options: { intervalMs?: number; bytes?: number; from?: number } = {}): Promise<void> {
    const { intervalMs = 50, bytes = 8, from = 0 } = options;
    return this.page.evaluate(
      ([name, everyMs, size, first]) => window.rawPage.publish(name, everyMs, size, first),
      [path, intervalMs, bytes, from] as const,
    );
  }

  watch(prefix: string): Promise<void> {
    return this.page.evaluate((name) => window.rawPage.watch(name), prefix);
  }

  announced(prefix: string): Promise<readonly AnnounceEvent[]> {
    return this.page.evaluate((name) => window.rawPage.announced(name), prefix);
  }

  async isAnnounced(prefix: string, path: string): Promise<boolean> {
    const events = await this.announced(prefix);
    return events.findLast((event) => event.path === path)?.active === true;
  }

  follow(path: string): Promise<number> {
    return this.page.evaluate((name) => window.rawPage.follow(name), path);
  }

  report(index: number): Promise<FollowReport> {
    return this.page.evaluate((at) => window.rawPage.report(at), index);
  }

  /** Its page reads nothing for so long, and takes no core from others as a loop would: it waits for an answer. */
  async halt(durationMs: number): Promise<void> {
    const server = createServer((_request, response) => {
      setTimeout(() => response.writeHead(204, { "access-control-allow-origin": "*" }).end(), durationMs);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    await this.page.evaluate(
      (url) => {
        const request = new XMLHttpRequest();
        request.open("GET", url, false);
        request.send();
      },
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    );
    server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.context.close();
  }
}

/** Groups may overtake one another on the way and late ones may be left out, but none comes twice or misnumbered. */
function expectOrdered({ numbers, sequences }: FollowReport): void {
  const bySequence = numbers
    .map((number, at) => ({ number, sequence: sequences[at] ?? Number.NaN }))
    .sort((a, b) => a.sequence - b.sequence);
  expect(new Set(sequences).size).toBe(sequences.length);
  expect(bySequence.map(({ number }) => number)).toEqual([...numbers].sort((a, b) => a - b));
}

const NEW_PAIRS = [
  { publisher: LITE_05, viewer: LITE_05, name: "lite-05 to lite-05" },
  { publisher: LITE_05, viewer: LITE_04, name: "lite-05 to lite-04" },
  { publisher: LITE_04, viewer: LITE_05, name: "lite-04 to lite-05" },
];
const OLD_PAIRS = [
  { publisher: LITE_03, viewer: LEGACY, name: "lite-03 to legacy SETUP" },
  { publisher: LEGACY, viewer: LITE_03, name: "legacy SETUP to lite-03" },
];

// Most of it is waiting for messages: beside each other, with sessions and paths of their own.

describe.concurrent.each([
  { age: "new", pairs: NEW_PAIRS },
  { age: "old", pairs: OLD_PAIRS },
])("two @moq/net sessions of $age versions with the tree between them", ({ pairs }) => {
  it.sequential.each(pairs)("announce, pass groups on, and end while subscribed: $name", async (pair) => {
    const path = `raw/${pair.name.replaceAll(" ", "-")}`;
    const [edge = ""] = stage.dev.edges;
    await using viewer = await RawSession.open(edge, pair.viewer);
    await viewer.watch("raw");
    await viewer.watch(path);
    await using publisher = await RawSession.open(stage.dev.origin, pair.publisher);
    await publisher.publish(path);
    await waitFor("the announcement below a prefix", () => viewer.isAnnounced("raw", path));
    await waitFor("the announcement of the path itself", () => viewer.isAnnounced(path, path));

    const index = await viewer.follow(path);
    const report = await waitFor("messages", async () => {
      const now = await viewer.report(index);
      return now.numbers.length >= 40 ? now : undefined;
    });
    expectOrdered(report);
    const span = Math.max(...report.numbers) - Math.min(...report.numbers) + 1;
    expect(report.numbers.length).toBeGreaterThan(span * 0.8);

    await publisher.page.evaluate(() => window.rawPage.unpublish());
    await waitFor("the end of the announcement", async () => !(await viewer.isAnnounced("raw", path)));
    await waitFor("the end of the exact one", async () => !(await viewer.isAnnounced(path, path)));
    await waitFor("the end of the subscription", async () => (await viewer.report(index)).ended);
    // Both sessions live on: the next broadcast of the same name gets through.
    await publisher.publish(path, { from: 1_000 });
    await waitFor("the next announcement", () => viewer.isAnnounced(path, path));
    const again = await viewer.follow(path);
    await waitFor("its messages", async () => (await viewer.report(again)).numbers.some((n) => n >= 1_000));
  });
});

describe.concurrent("a @moq/net session that follows a broadcast", () => {
  it("goes on when a publisher is killed and comes back within 5 s", async () => {
    const path = "raw/killed";
    const doomed = await launchKillableChromium(stage.chromium);
    await using viewer = await RawSession.open(stage.dev.edges[1] ?? "", LITE_05);
    await viewer.watch(path);
    try {
      const killed = await RawSession.open(stage.dev.origin, LITE_05, doomed);
      await killed.publish(path);
      await waitFor("the announcement", () => viewer.isAnnounced(path, path));
      const index = await viewer.follow(path);
      await waitFor("messages", async () => (await viewer.report(index)).numbers.length > 10);

      doomed.kill();
      await using publisher = await RawSession.open(stage.dev.origin, LITE_05);
      await publisher.publish(path, { from: 5_000 });
      // As @moq/net's own reconnection does: a refused session is opened again.
      const back = async (): Promise<boolean> => {
        const { numbers } = await viewer.report(index);
        if (numbers.some((number) => number >= 5_000)) return true;
        if (!(await publisher.page.evaluate(() => window.rawPage.isClosed))) return false;
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
        await publisher.page.evaluate((url) => window.rawPage.open(url), `${stage.dev.origin}/`);
        await publisher.publish(path, { from: 5_000 });
        return false;
      };
      // Well before the dead session times out.
      await waitFor("the new publisher's messages", back, COME_BACK_MS);
      expectOrdered(await viewer.report(index));
      expect((await viewer.announced(path)).filter((event) => !event.active)).toEqual([]);
    } finally {
      doomed.kill();
    }
  });
});

describe("a node whose subscriber stops reading", () => {
  it("keeps on serving others, and later the one itself", async () => {
    const path = "raw/slow";
    const [edge = ""] = stage.dev.edges;
    await using publisher = await RawSession.open(stage.dev.origin, LITE_05);
    await publisher.publish(path, { intervalMs: 20, bytes: 16_000 });
    await using slow = await RawSession.open(edge, LITE_05);
    await using other = await RawSession.open(edge, LITE_05);
    await slow.watch(path);
    await waitFor("the announcement", () => slow.isAnnounced(path, path));
    const [slowIndex, otherIndex] = [await slow.follow(path), await other.follow(path)];
    const received = async (session: RawSession, index: number): Promise<number> =>
      (await session.report(index)).numbers.length;
    await waitFor(
      "both",
      async () => (await received(slow, slowIndex)) > 20 && (await received(other, otherIndex)) > 20,
    );

    const writtenBefore = await publisher.page.evaluate(() => window.rawPage.written);
    await slow.halt(6_000);
    const written = await publisher.page.evaluate(() => window.rawPage.written);
    const got = await waitFor("the other one to be at the live edge", async () => {
      const { numbers } = await other.report(otherIndex);
      return numbers.some((number) => number >= written) && numbers;
    });
    const during = got.filter((number) => number >= writtenBefore && number < written);
    expect(during.length).toBeGreaterThan((written - writtenBefore) * 0.8);

    await waitFor("the slow one to be at the live edge again", async () => {
      const newest = (await slow.report(slowIndex)).numbers.at(-1) ?? 0;
      return newest > written + 50;
    });
    const report = await slow.report(slowIndex);
    expectOrdered(report);
    expect(report.ended).toBe(false);
  });
});
