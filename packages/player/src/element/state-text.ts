import type { PlayerState } from "../control/player-state.ts";
import type { PlayerError } from "../player-error.ts";

export interface StateText {
  readonly title: string;
  readonly detail: string;
  /** Label of the button below, if there is something to do. */
  readonly action: string | undefined;
  readonly isBusy: boolean;
}

/** What the middle of the player says in a state; undefined: nothing, the picture speaks. */
export function stateText(state: PlayerState, error: PlayerError | undefined): StateText | undefined {
  switch (state) {
    case "playing":
    case "idle":
      return undefined;
    case "connecting":
      return { title: "Connecting", detail: "", action: undefined, isBusy: true };
    case "stalled":
      return {
        title: "Reconnecting",
        detail: "The picture returns by itself.",
        action: undefined,
        isBusy: true,
      };
    case "ended":
      return {
        title: "The broadcast is offline",
        detail: "It starts here as soon as it is live.",
        action: undefined,
        isBusy: false,
      };
    case "failed":
      return { ...failureText(error), action: "Try again", isBusy: false };
  }
}

function failureText(error: PlayerError | undefined): { readonly title: string; readonly detail: string } {
  switch (error?.code) {
    case "unsupported":
      return {
        title: "This browser cannot play it",
        detail: "A current version of Chrome, Edge or Firefox can.",
      };
    case "unauthorized":
      return { title: "No access", detail: "This link does not allow the broadcast, or has expired." };
    case "codec":
      return { title: "Cannot play this broadcast", detail: sentence(error.message) };
    case "configuration":
      return { title: "Wrong setting", detail: sentence(error.message) };
    default:
      return { title: "No connection", detail: "The server does not answer. Check the network." };
  }
}

/** Our own messages have neither capital nor full stop, those of servers often both. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}

/** What a screen reader hears when the state changes. */
export function spokenState(state: PlayerState, error: PlayerError | undefined): string {
  if (state === "playing") return "Playing live";
  if (state === "idle") return "Paused";
  const text = stateText(state, error);
  return text === undefined ? "" : `${text.title}. ${text.detail}`.trim();
}
