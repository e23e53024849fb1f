import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium, type TestChromium, type TestPage } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";

let dev: CanopyDev;
let chromium: TestChromium;

beforeAll(async () => {
  [dev, chromium] = await Promise.all([startCanopyDev({ edges: 2, broadcaster: true }), launchChromium()]);
});

afterAll(async () => {
  await chromium?.close();
  await dev?.stop();
});

const region = ({ page }: TestPage, name: string) => page.getByRole("region", { name, exact: true });

// Each in a page of its own: beside each other.
describe.concurrent("the console page", () => {
  it("shows the live tree with who feeds whom, sessions, and what needs attention", async () => {
    const console = await chromium.openPage(`${dev.console}/`);
    const { page, errors } = console;
    const tree = region(console, "Tree");
    for (const [tier, nodes] of [
      ["Origins", ["origin"]],
      ["Relays", ["relay"]],
      ["Edges", ["edge-1", "edge-2"]],
    ] as const) {
      const headings = tree.getByRole("list", { name: tier }).getByRole("heading");
      await waitFor(`${nodes.join()} in the tree`, async () => {
        const titles = await headings.allTextContents();
        return titles.join() === nodes.map((name) => `${name}up`).join();
      });
    }
    await tree.getByText("takes broadcasts from origin").waitFor();
    expect(await tree.getByText("takes broadcasts from relay").count()).toBe(2);
    await tree.getByText("4 of 4 nodes up").waitFor();
    // One wire for each node that has a parent, and the way there and back on it.
    await waitFor("three wires with their delays", async () => {
      const labels = await tree.locator("svg text").allTextContents();
      return labels.length === 3 && labels.every((label) => /^\d+(\.\d)? ms$/.test(label));
    });
    await region(console, "Broadcasts").getByText("live/demo", { exact: true }).waitFor();
    await region(console, "Warnings").getByText("Nothing needs attention.").waitFor();

    // A child and a publisher at the origin, two children at the relay.
    const sessions = region(console, "Sessions").getByRole("table");
    await waitFor("the sessions of the tree", async () => {
      const rows = await sessions.getByRole("row").allTextContents();
      return rows.join("|") === "NodeRTMPQUIC|origin11|relay02|edge-100|edge-200|All13";
    });

    // On a phone nothing is wider than the screen.
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);

    const lost = `${dev.edges[1]}/**`;
    await page.route(lost, (route) => route.abort());
    await region(console, "Warnings")
      .getByText(/edge-2 does not answer/)
      .waitFor();
    await tree.getByText("3 of 4 nodes up").waitFor();
    await page.unroute(lost);
    await tree.getByText("4 of 4 nodes up").waitFor();
    await region(console, "Warnings").getByText("Nothing needs attention.").waitFor();
    // What the browser itself says of the requests that failed.
    expect(errors.filter((error) => !/Failed to load resource/.test(error))).toEqual([]);
  });

  it("records a room: its broadcasts are listed, stopped together and deleted together", async () => {
    const console = await chromium.openPage(`${dev.console}/`);
    const { page, errors } = console;
    const rooms = region(console, "Rooms");
    await rooms.getByText("No room is recorded.").waitFor();
    // The room of what is live is offered.
    await waitFor("the room in the list", async () => {
      const offered = await page
        .locator("#record-rooms option")
        .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value));
      return offered.join() === "live";
    });
    await rooms.getByLabel("Room to record").fill("live");
    await rooms.getByRole("button", { name: "Record room" }).click();
    const room = rooms.getByRole("article", { name: "Room live" });
    await room.getByText("1 recording", { exact: true }).waitFor();
    const link = room.getByRole("link", { name: "live/demo" });
    await link.waitFor();
    expect(await link.getAttribute("href")).toMatch(/^\/replay\?id=\w+$/);
    await region(console, "Recordings").getByRole("link", { name: "live/demo" }).waitFor();
    // A room is recorded once.
    await rooms.getByLabel("Room to record").fill("live");
    await rooms.getByRole("button", { name: "Record room" }).click();
    await rooms
      .getByRole("status")
      .getByText(/already/)
      .waitFor();

    await waitFor("media", async () => {
      const { rooms: known } = (await (await fetch(`${dev.origin}/v1/recordings`)).json()) as {
        readonly rooms: readonly { readonly durationSeconds: number }[];
      };
      return (known[0]?.durationSeconds ?? 0) > 0;
    });
    await room.getByRole("button", { name: "Stop the recording of room live" }).click();
    const remove = room.getByRole("button", { name: "Delete the recording of room live" });
    await remove.waitFor();
    await waitFor("the files", () => remove.isEnabled());
    page.once("dialog", (dialog) => void dialog.accept());
    await remove.click();
    await rooms.getByText("No room is recorded.").waitFor();
    await region(console, "Recordings").getByText("Nothing is recorded.").waitFor();
    expect(errors.filter((error) => !/Failed to load resource/.test(error))).toEqual([]);
    await console.context.close();
  });
});
