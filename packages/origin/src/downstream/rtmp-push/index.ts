export type { RtmpMetadata } from "./rtmp-client.ts";
export {
  DEFAULT_RTMP_PUSH,
  RtmpPush,
  type RtmpPushDeps,
  type RtmpPushOptions,
  type RtmpStreamDescription,
} from "./rtmp-push.ts";
export { maskRtmpUrl, parseRtmpUrl } from "./rtmp-url.ts";
