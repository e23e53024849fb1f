/** Ticks at full pace in hidden tabs, too: timers of a worker do, those of the page do not. */
export function workerTicker(intervalMs: number, tick: () => void): { stop(): void } {
  const source = `setInterval(() => postMessage(0), ${intervalMs});`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.onmessage = tick;
  return { stop: () => worker.terminate() };
}
