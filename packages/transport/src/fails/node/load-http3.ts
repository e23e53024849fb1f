import { Http3EngineError } from "./http3-engine-error.ts";

/** Must be of the version of the package that it belongs to. */
export const HTTP3_ADD_ON = "@fails-components/webtransport-transport-http3-quiche";
const VERSION = "1.6.8";

/**
 * The package's server over HTTP/3. Its native add-on is not among our dependencies, since installing it fetches or
 * compiles a binary: where it is missing this rejects with what to install, before anything is opened.
 */
export async function loadHttp3Server() {
  try {
    // Before the package, which would only print that it is missing.
    await import(/* @vite-ignore */ HTTP3_ADD_ON);
  } catch (cause) {
    throw isNotInstalled(cause) ? missing(cause) : broken(cause);
  }
  const { Http3Server } = await import("@fails-components/webtransport");
  return Http3Server;
}

function missing(cause: unknown): Http3EngineError {
  return new Http3EngineError(
    "add-on-missing",
    `the engine needs the add-on ${HTTP3_ADD_ON}, which is not installed: npx pnpm@12 add --workspace-root ` +
      `--allow-build=${HTTP3_ADD_ON} ${HTTP3_ADD_ON}@${VERSION}`,
    { cause },
  );
}

function broken(cause: unknown): Http3EngineError {
  const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
  return new Http3EngineError(
    "add-on-broken",
    `the add-on ${HTTP3_ADD_ON} is installed but its binary cannot be loaded (${reason}); install it again with ` +
      `--allow-build=${HTTP3_ADD_ON}, where its binary can be fetched or compiled`,
    { cause },
  );
}

/** As against a file inside it that is missing. */
function isNotInstalled(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code;
  // Under Vite the code is its own; the text of both names the package that was asked for.
  return (
    code !== "MODULE_NOT_FOUND" && error.message.includes(HTTP3_ADD_ON) && !error.message.includes(".node")
  );
}
