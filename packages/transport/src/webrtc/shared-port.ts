import type { CheckOrigin } from "./await-check.ts";
import type { NativeBinding, NativeListener } from "./native.ts";

/** Of all ports that this process ever opened. */
const opened = new Map<string, SharedPort>();

/**
 * The UDP port of all peers of an engine. It stays open until the process ends: the library's own way to stop forgets
 * to tell its network thread (libdatachannel 0.24), which then hands the next check of a stranger, or of a viewer who
 * has not heard yet, to a listener that is gone, and the process aborts. For the same reason the listener must not be
 * collected. After its engine the port listens to nobody, until another engine opens the same one.
 */
export class SharedPort {
  readonly port: number;
  readonly #listener: NativeListener;
  #onCheck: ((ufrag: string, from: CheckOrigin) => void) | undefined;

  private constructor(listener: NativeListener) {
    this.port = listener.port();
    this.#listener = listener;
    // Once only: a second call would replace what the library's thread may be calling.
    this.#listener.onUnhandledStunRequest(({ localUfrag, host, port }) => {
      this.#onCheck?.(localUfrag, { host, port });
    });
  }

  /** `onCheck`: an ICE check came that belongs to no agent on this port. Throws if the port is taken. */
  static open(
    native: NativeBinding,
    address: { readonly host: string; readonly port: number },
    onCheck: (ufrag: string, from: CheckOrigin) => void,
  ): SharedPort {
    const key = `${address.host} ${address.port}`;
    const known = opened.get(key);
    if (known !== undefined && known.#onCheck !== undefined) throw new TypeError("an engine has this port");
    const shared = known ?? new SharedPort(new native.IceUdpMuxListener(address.port, address.host));
    shared.#onCheck = onCheck;
    opened.set(key, shared);
    return shared;
  }

  /** Listens to nobody from now on. Idempotent. */
  release(): void {
    this.#onCheck = undefined;
  }
}
