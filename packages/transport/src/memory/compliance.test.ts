import { type CompliancePair, sessionComplianceSuite } from "../compliance-suite.ts";
import { createMemoryPair, type MemoryPairOptions } from "./index.ts";

async function compliancePair(options: MemoryPairOptions): Promise<CompliancePair> {
  const { client, server, clock } = createMemoryPair(options);
  return {
    client,
    server,
    settle: async (condition) => {
      if (!clock.runUntil(condition)) {
        throw new Error("the condition never held");
      }
    },
    close: () => {
      client.close(0, "");
      server.close(0, "");
      clock.run();
    },
  };
}

sessionComplianceSuite("the memory transport", () => compliancePair({}));
sessionComplianceSuite("the memory transport with delay, a rate and few streams", () =>
  compliancePair({ delayMs: 20, bandwidthBps: 50_000_000, maxUniStreams: 16, maxBidiStreams: 4 }),
);
