export { DEFAULT_FLV_OPTIONS, type FlvOptions } from "./downstream/flv/flv-options.ts";
export { DEFAULT_HLS_OPTIONS, type HlsOptions } from "./downstream/hls/hls-options.ts";
export { DEFAULT_WHEP_OPTIONS, type WhepOptions } from "./downstream/whep/whep-options.ts";
export { EdgeError, type EdgeErrorCode } from "./edge-error.ts";
export { EdgeNode, type EdgeNodeDeps, type EdgeNodeOptions } from "./edge-node.ts";
export { connectParent, isLoopback, type ParentTrust } from "./upstream/connect-parent.ts";
