import { accessGroup } from "./access-group.ts";
import { audioBridgeGroup } from "./audio-bridge-group.ts";
import { broadcastGroup } from "./broadcast-group.ts";
import { consoleGroup } from "./console-group.ts";
import { controlPlaneGroup } from "./control-plane-group.ts";
import { devGroup } from "./dev-group.ts";
import { flvGroup } from "./flv-group.ts";
import { hlsGroup } from "./hls-group.ts";
import { ingestGroup } from "./ingest-group.ts";
import { limitGroup } from "./limit-group.ts";
import { listenGroup } from "./listen-group.ts";
import { logGroup } from "./log-group.ts";
import { quicEngineGroup } from "./quic-engine-group.ts";
import { quicGroup } from "./quic-group.ts";
import { recordingGroup } from "./recording-group.ts";
import { restreamGroup } from "./restream-group.ts";
import { rtmpGroup } from "./rtmp-group.ts";
import { tlsGroup } from "./tls-group.ts";
import { tokenGroup } from "./token-group.ts";
import { treeGroup } from "./tree-group.ts";
import { webhookGroup } from "./webhook-group.ts";
import { webrtcGroup } from "./webrtc-group.ts";
import { whepGroup } from "./whep-group.ts";
import { whipGroup } from "./whip-group.ts";
import { workerGroup } from "./worker-group.ts";

/** The settings of every command; the reference page is made from this. */
export const COMMAND_GROUPS = {
  dev: { dev: devGroup },
  origin: {
    listen: listenGroup(4440),
    quic: quicGroup,
    rtmp: rtmpGroup,
    webrtc: webrtcGroup,
    whip: whipGroup,
    ingest: ingestGroup,
    audioBridge: audioBridgeGroup,
    restreams: restreamGroup,
    recordings: recordingGroup,
    webhooks: webhookGroup,
    tls: tlsGroup,
    access: accessGroup,
    limits: limitGroup,
    controlPlane: controlPlaneGroup,
    log: logGroup,
  },
  edge: {
    listen: listenGroup(4443),
    quic: quicGroup,
    quicEngine: quicEngineGroup,
    workers: workerGroup,
    tree: treeGroup,
    webrtc: webrtcGroup,
    whep: whepGroup,
    hls: hlsGroup,
    flv: flvGroup,
    tls: tlsGroup,
    access: accessGroup,
    limits: limitGroup,
    controlPlane: controlPlaneGroup,
    log: logGroup,
  },
  console: { console: consoleGroup, log: logGroup },
  broadcast: { broadcast: broadcastGroup, log: logGroup },
  token: { token: tokenGroup },
  bench: {},
} as const;
