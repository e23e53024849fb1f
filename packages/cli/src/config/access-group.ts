import { defineGroup, listOption, switchOption, textOption } from "@canopy/runtime";

export const accessGroup = defineGroup("Who gets in.", {
  tokenKey: textOption({
    name: "token-key",
    default: undefined,
    description:
      "File with the JWK or JWK set that tokens are checked with (HS256, ES256 or EdDSA). It is read again when it changes, and on SIGHUP.",
  }),
  allowAnonymous: switchOption({
    name: "allow-anonymous",
    description:
      "Lets those without a token in: for everything if there is no key, to watch if there is one. Without a key the node starts only with this.",
  }),
  corsOrigins: listOption({
    name: "cors-origin",
    default: ["*"],
    description:
      "Web origin (`https://tv.example.com`) whose pages may use the node: read its answers and open sessions; several may be given. `*` is all. Who is no browser is not concerned.",
  }),
  privateMetrics: switchOption({
    name: "private-metrics",
    description:
      "Shows `/metrics` only to operators (tokens with the role admin that grant everything; on a node without a key, its own machine). Else everybody sees them: they hold totals, no names and no addresses.",
  }),
});
