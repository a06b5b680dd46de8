/**
 * Timers that can be brought up to date. Browsers call those of a hidden page once a minute, and none while a machine sleeps;
 * messages and events come all the same, and poke() then runs what is overdue.
 */
const timers = new Set<{ due: number; fire: () => void }>();

/** Calls `run` once after `ms` milliseconds; the returned function prevents that. */
export function after(ms: number, run: () => void): () => void {
  const cancel = () => {
    clearTimeout(id);
    timers.delete(timer);
  };
  const timer = { due: Date.now() + ms, fire: () => (cancel(), run()) };
  const id = setTimeout(timer.fire, ms);
  timers.add(timer);
  return cancel;
}

/** Runs what is overdue. */
export function poke(): void {
  const now = Date.now();
  for (const timer of [...timers]) if (timer.due <= now && timers.has(timer)) timer.fire();
}

/**
 * Exponential backoff with full jitter: anything between 0 and min(cap, base · 2^attempt) milliseconds. The whole range
 * is drawn from so that clients which lost one server together do not come back together.
 */
export function backoff(attempt: number, base: number, cap: number, random: () => number = Math.random): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt, 30));
}

/** Calls `run` when the signal is raised, or at once if it is already; the returned function prevents that. */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  signal?.addEventListener("abort", run);
  if (signal?.aborted) run();
  return () => signal?.removeEventListener("abort", run);
}

/** Waits, at most until one of the signals is raised. Never rejects. */
export function sleep(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      resolve();
      for (const off of offs.splice(0)) off();
    };
    const offs = [after(ms, done)];
    for (const s of signals) offs.push(onAbort(s, done));
    // One that was raised before has left the others' listeners behind.
    if (signals.some((s) => s?.aborted)) done();
  });
}

/** A timer that barks unless it is petted in time. */
export function watchdog(ms: number, bark: () => void): { pet(): void; stop(): void } {
  let cancel = after(ms, bark);
  return {
    stop: () => cancel(),
    pet() {
      cancel();
      cancel = after(ms, bark);
    },
  };
}
