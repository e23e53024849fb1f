export { DEFAULT_WHEP_OPTIONS, type WhepOptions } from "./downstream/whep/whep-options.ts";
export { EdgeError, type EdgeErrorCode } from "./edge-error.ts";
export { EdgeNode, type EdgeNodeDeps, type EdgeNodeOptions } from "./edge-node.ts";
export { connectParent, isLoopback, type ParentTrust } from "./upstream/connect-parent.ts";
