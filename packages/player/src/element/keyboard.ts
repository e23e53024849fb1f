/** What a key does while the player has the focus. */
export type KeyAction =
  | "toggle-play"
  | "toggle-mute"
  | "toggle-fullscreen"
  | "toggle-stats"
  | "louder"
  | "softer";

const ACTIONS: Readonly<Record<string, KeyAction>> = {
  " ": "toggle-play",
  k: "toggle-play",
  m: "toggle-mute",
  f: "toggle-fullscreen",
  s: "toggle-stats",
  ArrowUp: "louder",
  ArrowDown: "softer",
};

/** The action of a key, or undefined. With a modifier it is the browser's or the system's. */
export function keyAction(event: {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}): KeyAction | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  return ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}
