import {
  choiceOption,
  defineGroup,
  durationOption,
  listOption,
  switchOption,
  textOption,
} from "@canopy/runtime";

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
    description: "File with the JWK or JWK set that signs (HS256 secret, or ES256 or EdDSA private key).",
  }),
  kid: textOption({
    name: "kid",
    default: undefined,
    description: "Which key of the set signs, or the name of a new key. Not given: the first that can sign.",
  }),
  newKey: choiceOption({
    name: "new-key",
    default: "none",
    choices: ["none", "HS256", "ES256", "EdDSA"],
    description: "Prints a new JWK for `--token-key` instead of a token.",
  }),
  appendTo: textOption({
    name: "append-to",
    default: undefined,
    description:
      "File with a JWK or JWK set; with `--new-key` the whole set is printed, the new key at its end.",
  }),
  publicKeys: switchOption({
    name: "public-keys",
    description:
      "Prints the public keys of `--token-key` as a JWK set instead of a token: all that nodes need of ES256 and EdDSA keys.",
  }),
});
