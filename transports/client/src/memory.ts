/** For how long a browser remembers which transport served, if it was not the first choice. Milliseconds. */
const REMEMBERED = 600_000;

const key = (base: string) => "reddot:way:" + new URL(base).origin;

/** The transport that served a server's clients lately. Storage may be blocked; then nothing is remembered. */
export function recall(base: string): string | undefined {
  try {
    const [name, until] = JSON.parse(localStorage.getItem(key(base))!) as [string, number];
    return Date.now() < until ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the transport that serves, unless it is the best one: that is tried first anyway. */
export function remember(base: string, name: string, best: string): void {
  try {
    if (name === best) localStorage.removeItem(key(base));
    else localStorage.setItem(key(base), JSON.stringify([name, Date.now() + REMEMBERED]));
  } catch {
    // Then the next tab finds out for itself.
  }
}
