/** Calls back before every repaint, and a few times a second while nothing is repainted. */
export interface FrameScheduler {
  start(tick: () => void): void;
  stop(): void;
}

/** Timers of hidden pages fire once a second at best; asking for more does no harm. */
const BACKGROUND_TICK_MS = 100;

/** By `requestAnimationFrame` where there is one, with a timer for hidden pages and workers. */
export function createFrameScheduler(): FrameScheduler {
  let frame: number | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let lastTickMs = 0;
  const stop = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearInterval(timer);
    frame = undefined;
    timer = undefined;
  };
  return {
    start(tick) {
      stop();
      const run = (): void => {
        lastTickMs = performance.now();
        tick();
      };
      if (typeof requestAnimationFrame === "function") {
        const onFrame = (): void => {
          frame = requestAnimationFrame(onFrame);
          run();
        };
        frame = requestAnimationFrame(onFrame);
      }
      timer = setInterval(() => {
        if (performance.now() - lastTickMs >= BACKGROUND_TICK_MS) run();
      }, BACKGROUND_TICK_MS);
    },
    stop,
  };
}
