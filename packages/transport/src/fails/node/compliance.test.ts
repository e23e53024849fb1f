import { afterAll, beforeAll } from "vitest";
import { sessionComplianceSuite } from "../../compliance-suite.ts";
import { settle } from "../../websocket/web-socket-suite.ts";
import { openPair, pretendBrowser } from "./fails-suite.ts";

let pretendNoBrowser: () => void;

beforeAll(() => {
  pretendNoBrowser = pretendBrowser();
});

afterAll(() => pretendNoBrowser());

sessionComplianceSuite("WebTransport over WebSocket by the package", async () => ({
  ...(await openPair()),
  settle,
}));

sessionComplianceSuite("the same with few streams and small windows", async () => ({
  ...(await openPair({ maxIncomingStreams: 100, streamWindowBytes: 16_384, sessionWindowBytes: 65_536 })),
  settle,
}));
