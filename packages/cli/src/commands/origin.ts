import { OriginNode } from "@canopy/origin";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { EdgeLocator } from "@canopy/relay";
import {
  createQuicLoop,
  createSessionListener,
  developmentHosts,
  type NodeDrain,
  NodeServer,
} from "@canopy/relay/node";
import { ConfigError, type ConfigOf, Lifetime, listenError } from "@canopy/runtime";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import type { CommandContext } from "../command-line/command-context.ts";
import { packageVersion } from "../command-line/package-version.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createDrain, untilToldToStop } from "../node/create-drain.ts";
import { createNodeParts, type NodeParts } from "../node/create-node-parts.ts";
import { openWebRtc, parseIceServers } from "../node/open-webrtc.ts";
import { recordingOptions } from "../node/recording-options.ts";
import { registerNode } from "../node/register-node.ts";
import { watchTokenKeys } from "../node/watch-token-keys.ts";

type OriginConfig = ConfigOf<(typeof COMMAND_GROUPS)["origin"]>;

/** Runs an origin until it is asked to stop. */
export async function runOrigin(config: OriginConfig, context: CommandContext): Promise<void> {
  const { listen, rtmp } = config;
  const parts = await createNodeParts("origin", config);
  await using lifetime = new Lifetime({ logger: parts.logger });
  watchTokenKeys(parts, lifetime, context);
  const { controlPlane, place } = parts;
  if (controlPlane !== undefined) lifetime.own("control plane", controlPlane);
  const webrtc = await openWebRtc(config, parts);
  if (webrtc !== undefined) lifetime.own("webrtc", webrtc);
  const origin = lifetime.own("origin", createOrigin(config, parts, webrtc));
  const self = { id: origin.relay.originId, tier: 0, region: place.region };
  const drain = createDrain(listen, { ...parts, self });
  const server = lifetime.own("server", await openServer(config, { ...parts, drain }, origin));
  try {
    await origin.start();
  } catch (error) {
    throw listenError(error, { host: listen.host, port: rtmp.port, portOption: "rtmp-port" });
  }
  parts.logger.info(
    { host: listen.host, port: server.port, rtmpPort: rtmp.port, webrtcPort: webrtc?.port },
    "the origin listens",
  );
  if (controlPlane !== undefined) {
    await registerNode(
      {
        ...place,
        role: "origin",
        name: parts.name,
        tier: 0,
        hasCertificate: parts.tls !== undefined,
      },
      { server, relay: origin.relay, controlPlane, isDraining: () => drain.isRequested },
    );
  }
  await untilToldToStop(context.signal, drain);
  drain.request({});
  // It never rejects; nobody has to wait for the registry.
  void controlPlane?.announce();
  await drain.run(server);
}

function createOrigin(config: OriginConfig, parts: NodeParts, webrtc: WebRtcEngine | undefined): OriginNode {
  const { listen, rtmp, whip, ingest, audioBridge, restreams, webhooks } = config;
  return new OriginNode(
    {
      name: parts.name,
      version: packageVersion(),
      rtmp: {
        host: listen.host,
        port: rtmp.port,
        maxConnections: rtmp.maxConnections,
        maxConnectionsPerAddress: rtmp.maxConnectionsPerAddress,
      },
      whip,
      iceServers: parseIceServers(config.webrtc.iceServers),
      maxHalfOpenPerAddress: config.webrtc.maxHalfOpenPerAddress,
      ingest: {
        ...ingest,
        audioBridge: {
          enabled: !audioBridge.off,
          stereoBitrateBps: audioBridge.stereoKbps * 1_000,
          monoBitrateBps: audioBridge.monoKbps * 1_000,
        },
      },
      restreams,
      recordings: recordingOptions(config.recordings),
      webhooks: { urls: webhooks.urls, ...webhookSecret(webhooks) },
    },
    { ...parts, webrtc },
  );
}

function webhookSecret(webhooks: OriginConfig["webhooks"]): { readonly secret?: string } {
  if (webhooks.secret !== undefined) return { secret: webhooks.secret };
  if (webhooks.urls.length === 0) return {};
  throw new ConfigError(
    "config-invalid",
    "--webhook needs --webhook-secret, which events are signed with",
    "--webhook",
  );
}

function createLocator({ controlPlane, place, clock }: NodeParts): EdgeLocator | undefined {
  if (controlPlane === undefined) return undefined;
  const nodes = () => controlPlane.view().nodes;
  return new EdgeLocator({ region: place.region }, { nodes, clock, random: Math.random });
}

function openServer(
  config: OriginConfig,
  parts: NodeParts & { readonly drain: NodeDrain },
  origin: OriginNode,
): Promise<NodeServer> {
  const { listen } = config;
  const options = {
    ...listen,
    ...parts.access,
    quic: config.quic,
    protocols: MOQ_PROTOCOLS,
    portOption: "port",
  };
  const quic = { logger: parts.logger.child("quic"), loop: createQuicLoop(config.quic) };
  return NodeServer.open(
    { ...options, tls: parts.tls, api: origin.api },
    {
      ...parts,
      node: origin,
      registerRoutes: (app, admission, gate) => origin.registerRoutes(app, admission, gate),
      listenSessions: createSessionListener(options, quic),
      createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(listen.host)),
      locator: createLocator(parts),
    },
  );
}
