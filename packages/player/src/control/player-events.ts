import type { PlayerError } from "../player-error.ts";
import type { TimedEventDetail } from "../timed/timed-queue.ts";
import type { TransportName } from "../upstream/upstream.ts";
import type { PlayerState } from "./player-state.ts";

/** Events of a player and of its element, by name, with their `detail`. */
export interface PlayerEvents {
  readonly statechange: { readonly state: PlayerState; readonly previous: PlayerState };
  /** On the frame to which the message belongs. */
  readonly timed: TimedEventDetail;
  /** `reason`: why that one, in words; undefined if it is the first choice. */
  readonly transportchange: {
    readonly transport: TransportName | undefined;
    readonly reason: string | undefined;
  };
  /** `fatal`: the state is now `failed`; otherwise playback goes on, or is tried again. */
  readonly error: { readonly error: PlayerError; readonly fatal: boolean };
  /** Sound was let out or held back by the browser, muted or unmuted. */
  readonly soundchange: { readonly isBlocked: boolean; readonly isMuted: boolean; readonly volume: number };
  /** The picture moved between canvas and video element. */
  readonly surfacechange: { readonly isInElement: boolean };
  /** Another picture size, rendition, or set of renditions. */
  readonly tracks: { readonly rendition: string | undefined; readonly renditions: readonly string[] };
}

/** An EventTarget whose events are those of `PlayerEvents`. */
export class PlayerEventTarget extends EventTarget {
  on<Name extends keyof PlayerEvents>(
    name: Name,
    listener: (detail: PlayerEvents[Name]) => void,
    options?: AddEventListenerOptions,
  ): void {
    this.addEventListener(
      name,
      (event) => listener((event as CustomEvent<PlayerEvents[Name]>).detail),
      options,
    );
  }

  protected emit<Name extends keyof PlayerEvents>(name: Name, detail: PlayerEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
