import { choiceOption, defineGroup, durationOption, listOption, textOption } from "@canopy/runtime";

export const tokenGroup = defineGroup("What the token grants.", {
  root: textOption({ name: "root", default: undefined, description: "Path that the token is about." }),
  put: listOption({
    name: "put",
    description: "Prefix below the root that may be published; several may be given. `/` is everything.",
  }),
  get: listOption({
    name: "get",
    description: "Prefix below the root that may be watched; several may be given. `/` is everything.",
  }),
  ttl: durationOption({
    name: "ttl",
    defaultSeconds: 3_600,
    description: "How long the token is valid.",
  }),
  user: textOption({ name: "user", default: undefined, description: "Claim `canopy.user`." }),
  room: textOption({ name: "room", default: undefined, description: "Claim `canopy.room`." }),
  role: choiceOption({
    name: "role",
    default: "none",
    choices: ["none", "host", "seat", "audience", "admin"],
    description: "Claim `canopy.role`.",
  }),
  tokenKey: textOption({
    name: "token-key",
    default: undefined,
    description: "File with the JWK that signs (HS256 secret, or ES256 or EdDSA private key).",
  }),
  newKey: choiceOption({
    name: "new-key",
    default: "none",
    choices: ["none", "HS256", "ES256", "EdDSA"],
    description: "Prints a new JWK for `--token-key` instead of a token.",
  }),
});
