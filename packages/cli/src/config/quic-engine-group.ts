import { choiceOption, defineGroup } from "@canopy/runtime";

export const quicEngineGroup = defineGroup("What serves WebTransport over HTTP/3 to viewers.", {
  engine: choiceOption({
    name: "quic-engine",
    default: "quiche",
    choices: ["quiche", "fails"],
    description:
      "`quiche` is built in; `fails` is the HTTP/3 server of `@fails-components/webtransport`, whose add-on has to be installed, for an edge without children and workers.",
  }),
});
