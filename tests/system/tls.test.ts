import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode } from "@canopy/relay";
import { createSessionListener, NodeServer } from "@canopy/relay/node";
import { createClock, createMetrics, createSilentLogger, Lifetime } from "@canopy/runtime";
import { connectQuic, createDevelopmentCertificate, QuicLoop } from "@canopy/transport/quic";
import { connectWebSocket } from "@canopy/transport/websocket";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../harness/wait-for.ts";

const logger = createSilentLogger();
const clock = createClock();
const loop = new QuicLoop();
const lifetime = new Lifetime({ logger });
const folder = mkdtempSync(join(tmpdir(), "canopy-tls-"));
const tls = { certPath: join(folder, "cert.pem"), keyPath: join(folder, "key.pem") };
const metrics = createMetrics({ processMetrics: false });
let server: NodeServer;

async function writeCertificate(): Promise<string> {
  const { certPem, keyPem, sha256Hex } = await createDevelopmentCertificate(["127.0.0.1", "localhost"]);
  writeFileSync(tls.certPath, certPem);
  writeFileSync(tls.keyPath, keyPem);
  return sha256Hex;
}

beforeAll(async () => {
  await writeCertificate();
  const relay = lifetime.own("relay", new RelayNode({}, { logger, metrics, clock }));
  const options = { protocols: MOQ_PROTOCOLS, maxSessions: 10, maxSessionsPerAddress: 10 };
  server = await NodeServer.open(
    { ...options, host: "127.0.0.1", port: 0, portOption: "port", tls, allowAnonymous: true },
    {
      node: relay,
      logger,
      metrics,
      clock,
      verifier: undefined,
      listenSessions: createSessionListener(options, { logger, loop }),
      createDevelopmentCertificate: () => Promise.reject(new Error("files were given")),
    },
  );
  lifetime.own("server", server);
});
afterAll(async () => {
  await lifetime.close();
  rmSync(folder, { recursive: true });
});

/** Fingerprint of the certificate and body, over HTTPS with HTTP/1.1. */
function getHttps(path: string): Promise<{ fingerprint: string; body: string }> {
  const options: RequestOptions = { host: "127.0.0.1", port: server.port, path, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, agent: false }, (response) => {
      const socket = response.socket as import("node:tls").TLSSocket;
      const fingerprint = socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve({ fingerprint, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

function getHttp2(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
    session.on("error", reject);
    const stream = session.request({ ":path": path });
    stream.on("response", (headers) => {
      session.close();
      resolve(Number(headers[":status"]));
    });
    stream.resume();
    stream.end();
  });
}

const pinned = (sha256: string) =>
  connectQuic(
    { host: "127.0.0.1", port: server.port, alpn: MOQ_PROTOCOLS, verify: { sha256: [sha256] } },
    { logger, loop },
  );

describe("NodeServer with certificate files", () => {
  it("speaks HTTP/1.1 and HTTP/2 over TLS on the same port", async () => {
    const { fingerprint, body } = await getHttps("/certificate.sha256");
    expect(body).toBe(fingerprint);
    expect(await getHttp2("/livez")).toBe(200);
  });

  it("carries sessions over WebSocket on that port, too", async () => {
    const url = `wss://127.0.0.1:${server.port}/`;
    const session = await connectWebSocket({ url, protocols: MOQ_PROTOCOLS, trust: "insecure" }, { loop });
    expect(session.protocol).toBe("moq-lite-05");
    await waitFor("the session", () => metrics.value("canopy_sessions", "websocket") === 1);
    session.close(0, "done");
    await expect(connectWebSocket({ url, protocols: MOQ_PROTOCOLS }, { loop })).rejects.toMatchObject({
      code: "connection-refused",
    });
  });

  it("uses a certificate that was replaced, for HTTP and for sessions, without a restart", async () => {
    const before = server.certificate.current.sha256Hex;
    (await pinned(before)).close(0, "done");
    const after = await writeCertificate();
    await server.certificate.check();
    expect((await getHttps("/livez")).fingerprint).toBe(after);
    (await pinned(after)).close(0, "done");
    await expect(pinned(before)).rejects.toMatchObject({ code: "certificate-mismatch" });
  });
});
