export * from "./admission.ts";
export * from "./authorize-request.ts";
export * from "./node-certificate.ts";
export * from "./node-routes.ts";
export * from "./node-server.ts";
export * from "./quic-listener.ts";
export * from "./session-gate.ts";
export * from "./session-url.ts";
