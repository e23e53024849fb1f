/**
 * The newest packets of one track, by a number that counts all packets the track has had. Shared by all its viewers:
 * live sending, late joining and retransmission read from here.
 */
export class PacketRing {
  readonly #packets: (Uint8Array | undefined)[];
  readonly #mask: number;
  /** Number of the next packet. */
  end = 0;

  /** `capacity`: a power of two. Full of packets of 1,400 bytes, 4,096 places hold 5.7 MB. */
  constructor(capacity: number) {
    this.#packets = new Array<Uint8Array | undefined>(capacity).fill(undefined);
    this.#mask = capacity - 1;
  }

  /** Number of the oldest packet that is still here. */
  get start(): number {
    return Math.max(0, this.end - this.#packets.length);
  }

  push(packet: Uint8Array): void {
    this.#packets[this.end & this.#mask] = packet;
    this.end += 1;
  }

  at(number: number): Uint8Array | undefined {
    return number < this.start || number >= this.end ? undefined : this.#packets[number & this.#mask];
  }
}
