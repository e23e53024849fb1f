import { defineGroup, listOption, portOption, textOption } from "@canopy/runtime";

export const consoleGroup = defineGroup("The web pages, and where they find the nodes.", {
  host: textOption({ name: "host", default: "127.0.0.1", description: "Address to listen on." }),
  port: portOption({ name: "port", default: 8080, description: "TCP port of the pages." }),
  origin: textOption({
    name: "origin",
    default: "http://127.0.0.1:4440",
    description: "URL under which browsers reach the HTTP API of an origin.",
  }),
  relays: listOption({
    name: "relay",
    description:
      "URL of a relay, for the picture of the tree; several may be given. Not needed where nodes find each other through Redis.",
  }),
  edges: listOption({
    name: "edge",
    description: "URL of an edge that the pages play from; several may be given.",
  }),
  rtmp: textOption({
    name: "rtmp",
    default: "rtmp://127.0.0.1:1935",
    description: "URL that publishers are told to push to.",
  }),
});
