import { after, onAbort } from "./clock.ts";
import { uniqueKey } from "./request.ts";
import { Tabs, type Host, type Note } from "./tabs.ts";

/** The parts of the browser that tabs share. */
interface Locks {
  request(name: string, options: { signal?: AbortSignal; steal?: boolean }, held: () => Promise<void>): Promise<void>;
}

/** What the client provides; the rest of the Host is the browser. */
export type Client = Omit<Host, "say" | "lock" | "unlock" | "watch" | "alone">;

/**
 * Sharing joins Tabs to the browser: its Web Locks, its BroadcastChannel, its clock. Where any of them is missing or refuses (a
 * third-party frame with blocked storage, an old browser), the tab leads itself, alone.
 */
export class Sharing {
  readonly tabs: Tabs;
  #channel: BroadcastChannel | undefined;
  #locks: Locks | undefined;
  #lock = new AbortController();
  #here = new AbortController();
  #cancel: () => void = () => {};
  #name: string;

  /** Without a name nothing is shared. */
  constructor(name: string | undefined, client: Client) {
    this.#name = name ?? "";
    this.tabs = new Tabs(
      {
        ...client,
        say: (note) => this.#channel?.postMessage(note),
        lock: (steal) => this.#request(steal),
        unlock: () => this.#lock.abort(),
        // A tab holds a lock of its own for as long as it is there.
        watch: (tab) => this.#own(tab, this.#lock.signal, () => this.tabs.gone(tab)),
        alone: () => this.#alone(),
      },
      uniqueKey(),
    );
    try {
      // Only asking tells whether it is allowed.
      if (name && navigator.locks) this.#channel = new BroadcastChannel(name);
      this.#locks = navigator.locks as Locks;
    } catch {
      this.#channel = undefined;
    }
  }

  join(): void {
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.tabs.hear(data as Note, Date.now());
    const { signal } = this.#here;
    this.#own(this.tabs.id, signal, () => until(signal));
    this.tabs.join(Date.now());
    this.look();
  }

  /** Looks at the clock, as it does by itself from time to time. */
  look(): void {
    this.#cancel();
    if (this.#channel) this.#cancel = after(this.tabs.tick(Date.now()), () => this.look());
  }

  leave(): void {
    this.#cancel();
    this.#here.abort();
    this.tabs.leave();
    this.#channel?.close();
    this.#channel = undefined;
  }

  #request(steal: boolean): void {
    if (!this.#channel) return this.tabs.granted();
    this.#lock.abort();
    const lock = (this.#lock = new AbortController());
    const { signal } = lock;
    let got = false;
    const held = () => {
      got = !signal.aborted;
      if (got) this.tabs.granted();
      return until(signal);
    };
    const refused = () => {
      if (signal.aborted) return;
      if (got) this.tabs.lost(Date.now());
      else this.#alone();
    };
    try {
      this.#locks!.request(this.#name, steal ? { steal } : { signal }, held).catch(refused);
    } catch {
      refused();
    }
  }

  /** Asks for the lock that is a tab's own. Where that is refused, nothing is known of it. */
  #own(tab: string, signal: AbortSignal, held: () => Promise<void> | void): void {
    if (this.#channel) this.#locks!.request(this.#name + tab, { signal }, async () => held()).catch(() => {});
  }

  #alone(): void {
    this.#cancel();
    this.#channel?.close();
    this.#channel = undefined;
    this.tabs.granted();
  }
}

/** Resolves when the signal is raised. */
function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, resolve));
}
