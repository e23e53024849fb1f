export * from "./error-codes.ts";
export type * from "./session-interface.ts";
export type * from "./wire-frame.ts";
export type * from "./wire-session.ts";
