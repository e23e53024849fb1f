import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface SwitchingProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * A TCP address in front of several servers, as a load balancer or DNS name is: each connection goes to the first that
 * accepts it, and ends with it.
 */
export async function openSwitchingProxy(ports: readonly number[]): Promise<SwitchingProxy> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once("close", () => open.delete(client));
    // What a broken connection has to say is said by its end.
    client.on("error", () => client.destroy());
    client.pause();
    dial(client, 0);
  });

  const dial = (client: Socket, index: number): void => {
    const port = ports[index];
    if (port === undefined) {
      client.destroy();
      return;
    }
    const target = connect(port, "127.0.0.1");
    let connected = false;
    target.once("connect", () => {
      connected = true;
      client.pipe(target).pipe(client);
      client.once("close", () => target.destroy());
    });
    target.on("error", () => target.destroy());
    target.once("close", () => {
      if (connected) client.destroy();
      else dial(client, index + 1);
    });
  };

  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const client of open) client.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
