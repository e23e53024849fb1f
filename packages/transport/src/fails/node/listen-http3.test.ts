import { describe, expect, test } from "vitest";
import { sessionComplianceSuite } from "../../compliance-suite.ts";
import { createDevelopmentCertificate } from "../../quic/certificate.ts";
import { connectQuic } from "../../quic/connect-quic.ts";
import { quietLogger, settle } from "../../quic/quic-test-suite.ts";
import type { Session, SessionDecision } from "../../session.ts";
import { Http3EngineError } from "./http3-engine-error.ts";
import { listenHttp3 } from "./listen-http3.ts";
import { HTTP3_ADD_ON, loadHttp3Server } from "./load-http3.ts";

const PROTOCOLS = ["moq-lite-05", "moq-lite-04"];

const missing = await loadHttp3Server().then(
  () => undefined,
  (error: unknown) => error,
);

async function openEngine(decide: () => Promise<SessionDecision> | SessionDecision) {
  const tls = await createDevelopmentCertificate(["127.0.0.1"]);
  const sessions: Session[] = [];
  const server = await listenHttp3(
    { host: "127.0.0.1", port: 0, tls, protocols: PROTOCOLS },
    {
      onRequest: (_request, later) => {
        const decision = decide();
        if (!(decision instanceof Promise)) return decision;
        void decision.then(later);
        return undefined;
      },
      onSession: (session) => sessions.push(session),
    },
    { logger: quietLogger },
  );
  const connect = () =>
    connectQuic(
      {
        host: "127.0.0.1",
        port: server.address.port,
        alpn: PROTOCOLS,
        verify: { sha256: [tls.sha256Hex] },
        webtransportPath: "/live?jwt=x",
      },
      { logger: quietLogger },
    );
  return { server, sessions, connect };
}

if (missing === undefined) {
  sessionComplianceSuite("WebTransport over HTTP/3 by the package's engine", async () => {
    const { server, sessions, connect } = await openEngine(() => ({
      accept: true,
      protocol: PROTOCOLS[0] ?? "",
    }));
    const client = await connect();
    await settle(() => sessions.length === 1);
    const [session] = sessions;
    if (session === undefined) throw new Error("no session");
    return {
      client,
      server: session,
      settle,
      close: async () => {
        client.close(0, "");
        await server.close();
      },
    };
  });

  describe("listenHttp3", () => {
    test("answers a refusal that is known at once with its status", async () => {
      const engine = await openEngine(() => ({ accept: false, status: 403, reason: "no" }));
      await expect(engine.connect()).rejects.toMatchObject({ code: "session-rejected", status: 403 });
      await engine.server.close();
    });

    test("closes a session that is refused after its request, and tells nobody of it", async () => {
      const engine = await openEngine(async () => ({ accept: false, status: 401, reason: "no token" }));
      const client = await engine.connect();
      await settle(() => client.closed);
      expect(engine.sessions).toEqual([]);
      await engine.server.close();
    });
  });
} else {
  console.log(
    `not run: the compliance suite on the HTTP/3 engine of fails-components, because ${HTTP3_ADD_ON} is not installed`,
  );

  describe("listenHttp3 without its add-on", () => {
    test("opens nothing, and says what to install", async () => {
      const error = await openEngine(() => ({ accept: true, protocol: "" })).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Http3EngineError);
      expect((error as Http3EngineError).code).toMatch(/^add-on-(missing|broken)$/);
      expect((error as Http3EngineError).message).toContain(HTTP3_ADD_ON);
      expect((error as Http3EngineError).message).toContain("--allow-build=");
    });
  });
}
