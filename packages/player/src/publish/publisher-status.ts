import type { PlayerError } from "../player-error.ts";
import type { PublisherState, PublishOptions } from "./publish-options.ts";

/** How a publisher is, and who is told of it. */
export class PublisherStatus {
  state: PublisherState = "starting";
  error: PlayerError | undefined;
  readonly #onState: PublishOptions["onState"];

  constructor(onState: PublishOptions["onState"]) {
    this.#onState = onState;
  }

  /** Stopped or failed: nothing follows. */
  get isOver(): boolean {
    return this.state === "stopped" || this.state === "failed";
  }

  set(state: PublisherState, error?: PlayerError): void {
    if (state === this.state && error === this.error) return;
    this.state = state;
    this.error = error;
    this.#onState?.(state, error);
  }
}
