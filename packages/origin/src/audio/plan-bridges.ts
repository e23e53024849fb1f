import { encodeAudioSpecificConfig } from "@canopy/media/aac";
import { type AudioRendition, decodeHex, encodeHex } from "@canopy/media/catalog";
import type { AudioBridgeOptions } from "./bridge-options.ts";
import { BRIDGE_SAMPLE_RATE, type BridgeCodec, type TranscodeFormat } from "./transcode-format.ts";

/** A rendition that can be made out of another one. */
export interface BridgePlan {
  /** Of the track that it makes. */
  readonly name: string;
  /** Of the track it is made from. */
  readonly source: string;
  readonly format: TranscodeFormat;
  readonly rendition: AudioRendition;
}

/**
 * Which renditions to add: Opus if the publisher sends AAC only, AAC if he sends Opus only, each from the first
 * rendition that fits. `isTaken` tells of names that are the publisher's own.
 */
export function planBridges(
  audios: Iterable<readonly [string, AudioRendition]>,
  options: AudioBridgeOptions,
  isTaken: (name: string) => boolean,
): BridgePlan[] {
  if (!options.enabled) return [];
  const first = new Map<BridgeCodec, readonly [string, AudioRendition]>();
  for (const entry of audios) {
    const codec = isReadable(entry[1]) ? codecOf(entry[1]) : undefined;
    if (codec !== undefined && !first.has(codec)) first.set(codec, entry);
  }
  const plans: BridgePlan[] = [];
  for (const [from, to] of [
    ["aac", "opus"],
    ["opus", "aac"],
  ] as const) {
    const source = first.get(from);
    if (source === undefined || first.has(to)) continue;
    const plan = planBridge(source[0], source[1], from, to, options);
    if (!isTaken(plan.name)) plans.push(plan);
  }
  return plans;
}

/** True if the decoder of one rendition can go on with the other. */
export function decodesAlike(a: AudioRendition, b: AudioRendition): boolean {
  return (
    a.codec === b.codec &&
    a.sampleRate === b.sampleRate &&
    a.numberOfChannels === b.numberOfChannels &&
    a.description === b.description
  );
}

function planBridge(
  source: string,
  rendition: AudioRendition,
  from: BridgeCodec,
  to: BridgeCodec,
  options: AudioBridgeOptions,
): BridgePlan {
  const channels = rendition.numberOfChannels === 1 ? 1 : 2;
  const bitrate = channels === 1 ? options.monoBitrateBps : options.stereoBitrateBps;
  const { description } = rendition;
  return {
    name: `${source}-${to}`,
    source,
    format: {
      from: {
        codec: from,
        sampleRate: rendition.sampleRate,
        channels: rendition.numberOfChannels,
        description: description === undefined || description === "" ? undefined : decodeHex(description),
      },
      to: { codec: to, channels, bitrateBps: bitrate },
    },
    rendition: {
      ...(to === "opus" ? { codec: "opus" } : describeAac(channels)),
      sampleRate: BRIDGE_SAMPLE_RATE,
      numberOfChannels: channels,
      bitrate,
    },
  };
}

function describeAac(channels: 1 | 2): { readonly codec: string; readonly description: string } {
  const config = encodeAudioSpecificConfig({ sampleRate: BRIDGE_SAMPLE_RATE, channels });
  return { codec: "mp4a.40.2", description: encodeHex(config) };
}

/** AAC-LC and HE-AAC (with SBR, with PS as well); other profiles have no decoder here. */
function codecOf(rendition: AudioRendition): BridgeCodec | undefined {
  if (/^mp4a\.40\.0?(2|5|29)$/.test(rendition.codec)) return "aac";
  if (rendition.codec !== "opus") return undefined;
  // More than two channels of Opus need the header's mapping.
  return rendition.numberOfChannels <= 2 || rendition.description !== undefined ? "opus" : undefined;
}

function isReadable({ container, broadcast }: AudioRendition): boolean {
  return (container === undefined || container.kind === "legacy") && broadcast === undefined;
}
