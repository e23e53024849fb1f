import { sessionComplianceSuite } from "../compliance-suite.ts";
import { openTestPair, settle } from "./web-socket-suite.ts";

for (const token of ["qmux-02.moq-lite-05", "qmux-01.moq-lite-05"]) {
  sessionComplianceSuite(`${token} over WebSocket`, async () => ({
    ...(await openTestPair({ subprotocols: [token] })),
    settle,
  }));
}

sessionComplianceSuite("QMux over WebSocket with small records and few streams", async () => ({
  ...(await openTestPair({
    limits: { maxRecordBytes: 2_048, maxIncomingStreams: 100, socketHighWaterBytes: 8_192 },
  })),
  settle,
}));
