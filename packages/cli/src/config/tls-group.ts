import { defineGroup, textOption } from "@canopy/runtime";

export const tlsGroup = defineGroup(
  "The certificate. Without one, HTTP is plain and QUIC has a development certificate of 13 days, renewed while the node runs, whose hash is at `/certificate.sha256`.",
  {
    cert: textOption({
      name: "tls-cert",
      default: undefined,
      description: "PEM file with the certificate chain; read again when it changes.",
    }),
    key: textOption({ name: "tls-key", default: undefined, description: "PEM file with its private key." }),
  },
);
