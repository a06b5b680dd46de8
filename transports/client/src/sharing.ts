import { after } from "./clock.ts";
import { uniqueKey } from "./request.ts";
import { Tabs, type Host, type Note } from "./tabs.ts";

/** The parts of the browser that tabs share. */
interface Locks {
  request(name: string, options: { signal?: AbortSignal; steal?: boolean }, held: () => Promise<void>): Promise<void>;
}

/** What the client provides; the rest of the Host is the browser. */
export type Client = Omit<Host, "say" | "lock" | "unlock" | "alone">;

/**
 * Sharing joins Tabs to the browser: its Web Locks, its BroadcastChannel, its clock. Where any of them is missing or refuses (a
 * third-party frame with blocked storage, an old browser), the tab leads itself, alone.
 */
export class Sharing {
  readonly tabs: Tabs;
  #channel: BroadcastChannel | undefined;
  #locks: Locks | undefined;
  #lock = new AbortController();
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
      if (signal.aborted) return Promise.resolve();
      got = true;
      this.tabs.granted();
      return new Promise<void>((release) => signal.addEventListener("abort", () => release()));
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

  #alone(): void {
    this.#cancel();
    this.#channel?.close();
    this.#channel = undefined;
    this.tabs.granted();
  }
}
