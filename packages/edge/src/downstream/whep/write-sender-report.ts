import { ntpOfUnixUs, rtpTimestampOfUs } from "@canopy/media/rtp";

/** Sender report without reports (RFC 3550 section 6.4.1). */
const REPORT_BYTES = 28;

/** A sender report and the CNAME, in bytes that are written again for each viewer and second. */
export class SenderReportWriter {
  readonly ssrc: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #clockRate: number;

  constructor(options: { readonly ssrc: number; readonly cname: string; readonly clockRate: number }) {
    const { ssrc, cname } = options;
    this.#clockRate = options.clockRate;
    this.ssrc = ssrc;
    const name = new TextEncoder().encode(cname);
    // Chunk: SSRC, CNAME item, at least one zero, up to a whole word (section 6.5).
    const chunk = Math.ceil((4 + 2 + name.byteLength + 1) / 4) * 4;
    this.#bytes = new Uint8Array(REPORT_BYTES + 4 + chunk);
    this.#view = new DataView(this.#bytes.buffer);
    const view = this.#view;
    view.setUint8(0, 0x80);
    view.setUint8(1, 200);
    view.setUint16(2, REPORT_BYTES / 4 - 1);
    view.setUint32(4, ssrc);
    view.setUint8(REPORT_BYTES, 0x81);
    view.setUint8(REPORT_BYTES + 1, 202);
    view.setUint16(REPORT_BYTES + 2, (4 + chunk) / 4 - 1);
    view.setUint32(REPORT_BYTES + 4, ssrc);
    view.setUint8(REPORT_BYTES + 8, 1);
    view.setUint8(REPORT_BYTES + 9, name.byteLength);
    this.#bytes.set(name, REPORT_BYTES + 10);
  }

  /**
   * Media time is wall-clock time (µs since the Unix epoch), so any moment will do as the reference: its NTP time and
   * its RTP timestamp name the same media time on every track, which is how a player finds the time of capture. The
   * bytes are valid until the next call.
   */
  write(nowUs: number, sent: { readonly packets: number; readonly octets: number }): Uint8Array {
    const ntp = ntpOfUnixUs(nowUs);
    const view = this.#view;
    view.setUint32(8, ntp.seconds);
    view.setUint32(12, ntp.fraction);
    view.setUint32(16, rtpTimestampOfUs(nowUs, this.#clockRate));
    view.setUint32(20, sent.packets >>> 0);
    view.setUint32(24, sent.octets >>> 0);
    return this.#bytes;
  }
}
