import { defineGroup, listOption, numberOption } from "@canopy/runtime";

export const restreamGroup = defineGroup("Broadcasts that are passed on to other servers over RTMP.", {
  maxRestreams: numberOption({
    name: "max-restreams",
    default: 100,
    min: 0,
    max: 10_000,
    description: "Restreams at one time.",
  }),
  allowedHosts: listOption({
    name: "restream-host",
    description:
      "Host that may be restreamed to, such as `live.example.com` or `*.example.com`; several may be given. Without any, all may.",
  }),
});
