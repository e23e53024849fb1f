/**
 * Names what a decoder is made for. Two catalogs with the same key for a track need no other decoder, whatever else
 * they say about it: origins measure bit rates and tell them again and again while the broadcast goes on.
 */
export function decodingKey(
  name: string | undefined,
  config: VideoDecoderConfig | AudioDecoderConfig | undefined,
): string {
  return JSON.stringify([name, config]);
}
