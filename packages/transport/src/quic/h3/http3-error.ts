import { QuicError } from "../quic-error.ts";

/** The peer broke HTTP/3; `h3Code` is what the connection or stream is closed with. */
export class Http3Error extends QuicError {
  override readonly name = "Http3Error";
  readonly h3Code: number;

  constructor(h3Code: number, message: string) {
    super("http3-malformed", message);
    this.h3Code = h3Code;
  }
}
