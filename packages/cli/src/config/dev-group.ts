import {
  choiceOption,
  defineGroup,
  LOG_LEVELS,
  numberOption,
  portOption,
  switchOption,
  textOption,
} from "@canopy/runtime";

export const devGroup = defineGroup("A whole tree on this machine, on 127.0.0.1.", {
  port: portOption({
    name: "port",
    default: 8080,
    description: "Port of the web console and example pages.",
  }),
  originPort: portOption({
    name: "origin-port",
    default: 4440,
    description: "TCP and UDP port of the origin.",
  }),
  relayPort: portOption({ name: "relay-port", default: 4441, description: "TCP and UDP port of the relay." }),
  edgePort: portOption({
    name: "edge-port",
    default: 4443,
    description: "TCP and UDP port of the first edge; the others follow.",
  }),
  rtmpPort: portOption({ name: "rtmp-port", default: 1935, description: "RTMP port of the origin." }),
  edges: numberOption({ name: "edges", default: 2, min: 1, max: 16, description: "Number of edges." }),
  noBroadcaster: switchOption({
    name: "no-broadcaster",
    description: "Does not publish the test picture as `live/demo`.",
  }),
  tokenKey: textOption({
    name: "token-key",
    default: undefined,
    description:
      "File with the key (JWK or JWK set, one of which signs) that the nodes check tokens with; tokens for pages and publishers are printed. Without it the tree is open to this machine.",
  }),
  logLevel: choiceOption({
    name: "log-level",
    default: "warn",
    choices: LOG_LEVELS,
    description: "Least severity that the nodes write to stderr.",
  }),
});
