/**
 * Runs `task` again and again with a pause in between, never twice at a time. Nothing runs while the page is
 * hidden; it starts at once when the page is shown again.
 */
export function pollLoop(task: () => Promise<void>, pauseMs: number): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;

  const run = async (): Promise<void> => {
    if (running || document.hidden) return;
    running = true;
    clearTimeout(timer);
    try {
      await task();
    } finally {
      running = false;
      timer = setTimeout(() => void run(), pauseMs);
    }
  };
  document.addEventListener("visibilitychange", () => void run());
  void run();
}
