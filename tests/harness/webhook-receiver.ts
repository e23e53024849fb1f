import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { signWebhook } from "@canopy/origin";

export interface ReceivedEvent {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** Where webhooks are sent to in tests. Events whose signature is wrong are not kept. */
export class WebhookReceiver implements AsyncDisposable {
  static readonly SECRET = "secret";
  readonly events: ReceivedEvent[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += String(chunk);
      });
      request.on("end", () => {
        const signature = String(request.headers["canopy-signature"]);
        const unixSeconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
        if (signature === signWebhook(WebhookReceiver.SECRET, unixSeconds, body))
          this.events.push(JSON.parse(body));
        response.end();
      });
    });
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  /** For `OriginNodeOptions.webhooks`. */
  get options(): { readonly urls: readonly string[]; readonly secret: string } {
    const { port } = this.#server.address() as AddressInfo;
    return { urls: [`http://127.0.0.1:${port}/`], secret: WebhookReceiver.SECRET };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
  }
}
