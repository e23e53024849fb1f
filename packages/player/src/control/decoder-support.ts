import type { Catalog } from "@canopy/media/catalog";
import { audioDecoderConfig } from "../present/audio-track.ts";
import { videoDecoderConfig } from "../present/video-track.ts";

/** Codec strings of `catalog` that this browser decodes. */
export async function decodableCodecs(catalog: Catalog): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const checks: Promise<void>[] = [];
  for (const rendition of Object.values(catalog.video?.renditions ?? {})) {
    if (typeof VideoDecoder !== "function") break;
    const config = videoDecoderConfig(rendition, false);
    checks.push(
      VideoDecoder.isConfigSupported(config).then(({ supported }) => {
        if (supported === true) found.add(rendition.codec);
      }),
    );
  }
  for (const rendition of Object.values(catalog.audio?.renditions ?? {})) {
    if (typeof AudioDecoder !== "function") break;
    const config = audioDecoderConfig(rendition);
    checks.push(
      AudioDecoder.isConfigSupported(config).then(({ supported }) => {
        if (supported === true) found.add(rendition.codec);
      }),
    );
  }
  // A configuration that is not even well-formed rejects: that rendition is not decodable.
  await Promise.allSettled(checks);
  return found;
}
