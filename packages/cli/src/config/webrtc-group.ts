import { defineGroup, listOption, numberOption, portOption, switchOption } from "@canopy/runtime";

export const webrtcGroup = defineGroup("WebRTC at the rim: WHIP from publishers, WHEP to viewers.", {
  port: portOption({
    name: "webrtc-port",
    default: undefined,
    description: "UDP port of all WebRTC media; 1000 above --port if not given, 0 is any free one.",
  }),
  publicAddresses: listOption({
    name: "webrtc-address",
    description:
      "IP address under which the WebRTC port is reached from outside, where that is none of this machine's own; several may be given.",
  }),
  iceServers: listOption({
    name: "ice-server",
    description:
      "STUN or TURN server that publishers and viewers are told of, such as `stun:stun.example.com` or `turn:user:secret@turn.example.com`; several may be given.",
  }),
  maxHalfOpen: numberOption({
    name: "webrtc-half-open",
    default: 256,
    min: 1,
    max: 100_000,
    description: "WebRTC connections at one time whose handshakes are not done; each has 10 s for them.",
  }),
  maxHalfOpenPerAddress: numberOption({
    name: "webrtc-half-open-per-address",
    default: 64,
    min: 1,
    max: 100_000,
    description: "As many of those may one address have, so that it does not keep everybody else out.",
  }),
  off: switchOption({ name: "no-webrtc", description: "Takes no WebRTC connections." }),
});
