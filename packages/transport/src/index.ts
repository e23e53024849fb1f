export { bearerToken } from "./bearer-token.ts";
export * from "./session.ts";
