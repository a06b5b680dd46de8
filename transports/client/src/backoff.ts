/**
 * Exponential backoff with full jitter: anything between 0 and min(cap, base · 2^attempt) milliseconds. The whole range
 * is drawn from so that clients which lost one server together do not come back together.
 */
export function backoff(attempt: number, base: number, cap: number, random: () => number = Math.random): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt, 30));
}

/** Waits, at most until the signal is raised. Never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/** A timer that barks unless it is petted in time. */
export function watchdog(ms: number, bark: () => void): { pet(): void; stop(): void } {
  let timer = setTimeout(bark, ms);
  const stop = () => clearTimeout(timer);
  return {
    stop,
    pet() {
      stop();
      timer = setTimeout(bark, ms);
    },
  };
}
