import { type CompliancePair, sessionComplianceSuite } from "../compliance-suite.ts";
import { openTestPair, settle } from "./quic-test-suite.ts";

async function compliancePair(webtransport: boolean): Promise<CompliancePair> {
  const pair = await openTestPair(webtransport ? { webtransportPath: "/live?jwt=x" } : {});
  return { client: pair.client, server: pair.server, settle, close: pair.close };
}

sessionComplianceSuite("raw QUIC", () => compliancePair(false));
sessionComplianceSuite("WebTransport over HTTP/3", () => compliancePair(true));
