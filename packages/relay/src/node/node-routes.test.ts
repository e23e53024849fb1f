import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  type HttpServer,
} from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { createAdmission } from "./admission.ts";
import { NodeCertificate } from "./node-certificate.ts";
import { registerNodeRoutes } from "./node-routes.ts";

const clock = createClock();
const logger = createSilentLogger();
const open: { close(): void | Promise<void> }[] = [];

afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

async function start(listening: Promise<void>): Promise<{ readonly url: string; readonly http: HttpServer }> {
  const certificate = await NodeCertificate.open(undefined, {
    logger,
    createDevelopmentCertificate: async () => ({
      certPem: "",
      keyPem: "",
      sha256Hex: "ab".repeat(32),
      notAfter: new Date(Date.now() + 13 * 24 * 60 * 60 * 1_000),
    }),
  });
  open.push(certificate);
  const http = await createHttpServer(
    { host: "127.0.0.1", port: 0 },
    { logger, clock, metrics: createMetrics({ processMetrics: false }) },
  );
  open.push(http);
  registerNodeRoutes(http.app, {
    admission: createAdmission({ allowAnonymous: true }, { clock, verifier: undefined }),
    certificate,
    listening,
    announced: () => [],
    topology: () => ({}),
  });
  const { port } = await http.start();
  return { url: `http://127.0.0.1:${port}`, http };
}

describe("registerNodeRoutes", () => {
  it("tells the hash of the certificate when the UDP port is open, so that nobody dials it sooner", async () => {
    let settle = (): void => {};
    const { url } = await start(
      new Promise<void>((resolve) => {
        settle = resolve;
      }),
    );
    let answered = false;
    const asked = fetch(`${url}/certificate.sha256`).then((response) => {
      answered = true;
      return response.text();
    });
    // Others are answered meanwhile: it is in the hands of the node by then.
    expect((await fetch(`${url}/announced`)).status).toBe(200);
    expect(answered).toBe(false);
    settle();
    expect(await asked).toBe("ab".repeat(32));
  });
});
