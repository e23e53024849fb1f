import { AV_CODEC_ID_H264, AV_LOG_FATAL } from "node-av/constants";
import { Codec, CodecContext, Frame, Log, Packet } from "node-av/lib";
import type { SoundFrame } from "./sound-publisher.ts";

/** Mean brightness of a picture that is white rather than black. */
const BRIGHT = 128;

/** Media times at which pictures become bright, in an H.264 track in Annex B that begins with a keyframe, µs. */
export function findFlashes(units: readonly SoundFrame[]): number[] {
  Log.setLevel(AV_LOG_FATAL);
  const codec = Codec.findDecoder(AV_CODEC_ID_H264);
  if (!codec) throw new Error("no H.264 decoder");
  const context = new CodecContext();
  context.allocContext3(codec);
  context.threadCount = 1;
  context.open2Sync(codec);
  const picture = new Frame();
  picture.alloc();
  const packet = new Packet();
  packet.alloc();
  const flashes: number[] = [];
  let wasBright = true;
  const show = (): void => {
    while (context.receiveFrameSync(picture) >= 0) {
      const plane = picture.data?.[0];
      let sum = 0;
      for (const value of plane ?? []) sum += value;
      const isBright = sum / (plane?.length ?? 1) > BRIGHT;
      if (isBright && !wasBright) flashes.push(Number(picture.pts));
      wasBright = isBright;
      picture.unref();
    }
  };
  for (const { timestampUs, payload } of units) {
    packet.data = Buffer.from(payload);
    packet.pts = BigInt(timestampUs);
    context.sendPacketSync(packet);
    packet.unref();
    show();
  }
  context.sendPacketSync(null);
  show();
  packet.free();
  picture.free();
  context.freeContext();
  return flashes;
}
