import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { connectParent, isLoopback } from "./connect-parent.ts";

const logger = { debug: () => {}, warn: () => {} };
const trust = { ca: undefined, sha256: [] };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function answer(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.statusCode = status;
    response.end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const connect = (url: string) => connectParent(url, { trust, protocols: ["moq-lite-05"] }, { logger });

describe("connectParent", () => {
  it("refuses URLs that are not https", async () => {
    await expect(connect("http://127.0.0.1:1")).rejects.toMatchObject({ code: "parent-url" });
  });

  it.each([
    [200, "not a hash"],
    [404, "a".repeat(64)],
  ])("does not trust a loopback parent that answers %i %s", async (status, body) => {
    await expect(connect(await answer(status, body))).rejects.toMatchObject({ code: "parent-certificate" });
  });

  it("says that a parent does not answer", async () => {
    const url = await answer(200, "");
    servers.splice(0)[0]?.close();
    await expect(connect(url)).rejects.toMatchObject({ code: "parent-unreachable" });
  });
});

describe("isLoopback", () => {
  it("knows loopback names and addresses only", () => {
    expect(["localhost", "127.0.0.1", "127.9.9.9", "::1"].every(isLoopback)).toBe(true);
    expect(["127.0.0.1.example.org", "example.org", "10.0.0.1", "::"].some(isLoopback)).toBe(false);
  });
});
