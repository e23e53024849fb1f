import { once } from "node:events";
import { type ClientHttp2Stream, connect, constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { destroyResetStreams } from "./destroy-reset-streams.ts";

/** More than the window of a stream, so that bytes wait in it. */
const BODY = Buffer.alloc(200_000);

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanUp.splice(0).reverse()) clean();
});

interface Answered {
  readonly asked: ClientHttp2Stream;
  readonly answering: ServerHttp2Stream;
}

/** A response of which its client, who does not read, takes one window. */
async function answer(respond: (stream: ServerHttp2Stream) => void): Promise<Answered> {
  const server = createServer();
  cleanUp.push(() => server.close(), destroyResetStreams(server));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  cleanUp.push(() => session.destroy());
  const answering = once(server, "stream").then(([stream]) => {
    (stream as ServerHttp2Stream).respond();
    respond(stream as ServerHttp2Stream);
    return stream as ServerHttp2Stream;
  });
  const asked = session.request({ ":path": "/" });
  await once(asked, "response");
  return { asked, answering: await answering };
}

describe("destroyResetStreams", () => {
  it.each([
    ["goes on", (stream: ServerHttp2Stream) => void stream.write(BODY)],
    ["is complete", (stream: ServerHttp2Stream) => void stream.end(BODY)],
  ])(
    "lets go of bytes that nobody takes when a response that %s is reset without an error",
    async (_name, respond) => {
      const { asked, answering } = await answer(respond);
      expect(answering.writableLength).toBe(BODY.byteLength);
      const closed = once(answering, "close");
      asked.close(constants.NGHTTP2_NO_ERROR);
      await closed;
      expect(answering.destroyed).toBe(true);
    },
  );

  it("leaves streams alone that are slow", async () => {
    const { asked, answering } = await answer((stream) => void stream.end(BODY));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(answering.closed).toBe(false);
    let bytes = 0;
    asked.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
    });
    await once(asked, "end");
    expect(bytes).toBe(BODY.byteLength);
  });
});
