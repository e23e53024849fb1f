// Asks the node of this container how it is (`/livez` or `/readyz`); the image has no curl. Exit code 0 is healthy.
// Settings are those of the node: it speaks HTTPS when it has a certificate, which here may be for any name.
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";

/** Less than the time that whoever runs this waits. */
const TIMEOUT_MS = 2_500;
const [path = "/livez", port = process.env.CANOPY_PORT] = process.argv.slice(2);

if (port === undefined) {
  console.error("health-check: the port is neither given nor in CANOPY_PORT");
  process.exit(1);
}
const secure = process.env.CANOPY_TLS_CERT !== undefined;
const options = { host: "127.0.0.1", port, path, timeout: TIMEOUT_MS, rejectUnauthorized: false };
const request = (secure ? getHttps : getHttp)(options, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  if (response.statusCode !== 200) console.error(`health-check: ${path} answered ${response.statusCode}`);
});
request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
request.on("error", (error) => {
  console.error(`health-check: ${error.message}`);
  process.exitCode = 1;
});
