import { defineGroup, listOption, numberOption, textOption } from "@canopy/runtime";

export const treeGroup = defineGroup("The node's place in the tree.", {
  tier: numberOption({
    name: "tier",
    default: 2,
    min: 1,
    max: 8,
    description: "1 for a relay below the origin, 2 for an edge where viewers arrive.",
  }),
  parents: listOption({
    name: "parent",
    description:
      "URL of a parent, `https://host:port` (QUIC); several are candidates. A parent on loopback is trusted by the hash that it tells over HTTP.",
  }),
  parentCa: textOption({
    name: "parent-ca",
    default: undefined,
    description: "PEM file with the authorities that parents' certificates are checked against.",
  }),
  parentSha256: listOption({
    name: "parent-sha256",
    description: "SHA-256 of a parent's certificate in hex, instead of an authority.",
  }),
  parentToken: textOption({
    name: "parent-token",
    default: undefined,
    description: "Token that this node shows its parents.",
  }),
  parentTokenFile: textOption({
    name: "parent-token-file",
    default: undefined,
    description:
      "File with that token, read whenever a parent is dialled: one that is exchanged in time needs no restart.",
  }),
});
