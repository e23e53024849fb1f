import type { UpstreamSink } from "../upstream/upstream.ts";

/** What the connection itself has to do with what an upstream tells. */
export interface CurrentSinkDeps
  extends Pick<UpstreamSink, "onAnnounced" | "onEnded" | "onConnected" | "onMove" | "onClosed"> {
  /** A frame has come, before it is passed on. */
  readonly onArrival: () => void;
}

/** Passes on what an upstream tells for as long as it is the one in use. */
export function currentSink(
  sink: Omit<UpstreamSink, "onTimedReady" | "onConnected" | "onMove" | "onClosed">,
  isCurrent: () => boolean,
  own: CurrentSinkDeps,
): UpstreamSink {
  return {
    onCatalog: (catalog) => isCurrent() && sink.onCatalog(catalog),
    onGroupOpen: (...args) => isCurrent() && sink.onGroupOpen(...args),
    onFrame: (...args) => {
      if (!isCurrent()) return;
      own.onArrival();
      sink.onFrame(...args);
    },
    onGroupEnd: (...args) => isCurrent() && sink.onGroupEnd(...args),
    onDecodedFrame: (frame, timing) => {
      if (isCurrent()) sink.onDecodedFrame(frame, timing);
      else frame.close();
    },
    onElementSound: (...args) => isCurrent() && sink.onElementSound(...args),
    onElementFrame: (frame) => isCurrent() && sink.onElementFrame(frame),
    onElementTime: (...args) => isCurrent() && sink.onElementTime(...args),
    // Comes from one that is being left, too: what it showed is still on screen.
    onElementReset: () => sink.onElementReset(),
    onElementSoundBlocked: () => isCurrent() && sink.onElementSoundBlocked(),
    onTimed: (...args) => isCurrent() && sink.onTimed(...args),
    // Matters only while a session is left for another one.
    onTimedReady: () => {},
    onAnnounced: () => isCurrent() && own.onAnnounced(),
    onEnded: () => isCurrent() && own.onEnded(),
    onConnected: (timeBaseUrl) => isCurrent() && own.onConnected(timeBaseUrl),
    onMove: (to) => isCurrent() && own.onMove(to),
    onClosed: (error) => isCurrent() && own.onClosed(error),
  };
}
