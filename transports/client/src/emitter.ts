// The map below holds listeners of every name, so their arguments differ; `on` and `emit` check them.
type Listener = (...args: any[]) => void;

/** Emitter calls listeners by the name of what happened. A listener that throws does not stop the others. */
export class Emitter<Events extends { [K in keyof Events]: unknown[] }> {
  #listeners = new Map<keyof Events, Set<Listener>>();

  /** Listens; the returned function stops that. */
  on<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return () => void set.delete(listener);
  }

  protected emit<K extends keyof Events>(name: K, ...args: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (e) {
        reportError(e);
      }
    }
  }
}
