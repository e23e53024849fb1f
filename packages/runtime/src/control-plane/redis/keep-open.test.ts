import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { keepOpen } from "./keep-open.ts";

it("opens a connection again and again that its library has given up, until it is told to stop", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    server.emit("counted");
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = new Redis({
    host: "127.0.0.1",
    port,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
  });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());

  const stop = keepOpen(client, { random: () => 0 });
  client.connect().catch(() => {});
  while (connections < 3) await once(server, "counted");
  await once(client, "end");
  stop();
  const before = connections;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(connections).toBe(before);
  expect(client.status).toBe("end");
});
