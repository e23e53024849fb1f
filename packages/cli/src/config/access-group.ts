import { defineGroup, switchOption, textOption } from "@canopy/runtime";

export const accessGroup = defineGroup("Who gets in.", {
  tokenKey: textOption({
    name: "token-key",
    default: undefined,
    description: "File with the JWK or JWK set that tokens are checked with (HS256, ES256 or EdDSA).",
  }),
  allowAnonymous: switchOption({
    name: "allow-anonymous",
    description:
      "Lets those without a token in: for everything if there is no key, to watch if there is one. Without a key the node starts only with this.",
  }),
});
