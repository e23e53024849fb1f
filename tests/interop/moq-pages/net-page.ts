import { Connection } from "@moq/net";
import { NetPublisher, type NetPublisherOptions } from "./net-publisher.ts";

/** Runs in the page: publishes with @moq/net. */
class NetPage {
  #connection: Connection.Established | undefined;
  #publisher: NetPublisher | undefined;

  async publish(url: string, options: NetPublisherOptions): Promise<string> {
    this.#connection = await Connection.connect(new URL(url), { websocket: { enabled: false } });
    this.#publisher = new NetPublisher(this.#connection, options);
    return this.#connection.version;
  }

  close(): void {
    this.#publisher?.close();
    this.#connection?.close();
  }
}

declare global {
  interface Window {
    netPage: NetPage;
  }
}

window.netPage = new NetPage();
