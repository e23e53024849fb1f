// An entry of its own: a node without a Redis starts without loading its client.
export * from "./redis-control-plane.ts";
export * from "./redis-registry.ts";
