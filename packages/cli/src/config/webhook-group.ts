import { defineGroup, listOption, textOption } from "@canopy/runtime";

export const webhookGroup = defineGroup("Who is told of broadcasts and sessions that begin and end.", {
  urls: listOption({ name: "webhook", description: "URL that events are POSTed to; several may be given." }),
  secret: textOption({
    name: "webhook-secret",
    default: undefined,
    description: "Secret of the HMAC-SHA256 signature of every event.",
  }),
});
