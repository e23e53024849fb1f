import type { CodecContext, Frame, Packet } from "node-av/lib";
import { BroadcastError } from "./broadcast-error.ts";
import type { EncodedPacket } from "./encoded-packet.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";

/** An opened encoder of FFmpeg that gives at most one packet for a frame, with the memory of both. */
export abstract class FrameEncoder {
  protected readonly context: CodecContext;
  /** For what the caller has no frame for; its size and format are set by the subclass. */
  protected readonly frame: Frame;
  readonly #name: string;
  readonly #packet: Packet;
  #closed = false;

  constructor(name: string, context: CodecContext, ffmpeg: Ffmpeg) {
    this.#name = name;
    this.context = context;
    this.frame = new ffmpeg.Frame();
    this.frame.alloc();
    this.#packet = new ffmpeg.Packet();
    this.#packet.alloc();
  }

  /** Encodes a frame of the encoder's size and format; the caller keeps it. */
  async encodeFrame(frame: Frame, timestampUs: number): Promise<EncodedPacket | undefined> {
    frame.pts = BigInt(timestampUs);
    const sent = await this.context.sendFrame(frame);
    if (sent < 0) throw new BroadcastError("encoder_failed", `${this.#name} refused a frame (${sent})`);
    const received = await this.context.receivePacket(this.#packet);
    if (received < 0) return undefined;
    const encoded = this.describe(this.#packet, timestampUs);
    this.#packet.unref();
    return encoded;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packet.free();
    this.frame.free();
    this.context.freeContext();
  }

  /** A copy of the packet that came for the frame of `timestampUs`. */
  protected abstract describe(packet: Packet, timestampUs: number): EncodedPacket;
}
