import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { bearerToken } from "./bearer-token.ts";
import { encodeFrame } from "./quic/h3/frame-reader.ts";
import { FRAME_HEADERS, FRAME_SETTINGS } from "./quic/h3/http3-codes.ts";
import { encodeFieldSection } from "./quic/h3/qpack.ts";
import { encodeSettings } from "./quic/h3/settings.ts";
import { openTestServer as openQuicServer } from "./quic/quic-test-suite.ts";
import type { SessionRequest } from "./session.ts";
import { settle } from "./settle-suite.ts";
import { openTestServer as openWebSocketServer } from "./websocket/web-socket-suite.ts";

const open: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** Takes every session, and keeps what was asked. */
function taking() {
  const asked: SessionRequest[] = [];
  const onRequest = (request: SessionRequest) => {
    asked.push(request);
    return { accept: true, protocol: request.protocols[0] ?? "" } as const;
  };
  return { asked, onRequest };
}

describe("bearerToken", () => {
  it.each([
    ["Bearer a.b.c", "a.b.c"],
    ["bearer a.b.c", "a.b.c"],
    ["Bearer ", undefined],
    ["Bearer a b", undefined],
    ["Basic a.b.c", undefined],
    [undefined, undefined],
  ])("finds in %j the token %j", (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });

  it("comes with a session over WebTransport", async () => {
    const { asked, onRequest } = taking();
    const server = await openQuicServer({ onRequest });
    open.push(server);
    const client = await server.connect({ alpn: ["h3"] });
    const control = client.openUni();
    control?.write(Uint8Array.of(0));
    control?.write(encodeFrame(FRAME_SETTINGS, encodeSettings()));
    const fields: [string, string][] = [
      [":method", "CONNECT"],
      [":protocol", "webtransport"],
      [":scheme", "https"],
      [":authority", "localhost"],
      [":path", "/live"],
      ["authorization", "Bearer a.b.c"],
    ];
    client.openBidi()?.write(encodeFrame(FRAME_HEADERS, encodeFieldSection(fields)));
    await settle(() => server.sessions.length === 1);
    expect(asked[0]).toMatchObject({ path: "/live", bearer: "a.b.c" });
    expect(server.sessions[0]?.bearer).toBe("a.b.c");
  });

  it("comes with a session over WebSocket", async () => {
    const { asked, onRequest } = taking();
    const server = await openWebSocketServer({ onRequest });
    open.push(server);
    const headers = { authorization: "Bearer a.b.c" };
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/live`, ["qmux-02.moq-lite-05"], { headers });
    open.push({ close: () => socket.terminate() });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    expect(asked[0]).toMatchObject({ path: "/live", bearer: "a.b.c" });
  });
});
