import type { Counts, ServerEvent } from "./events.ts";
import type { Position } from "./ledger.ts";
import type { Status } from "./line.ts";

/** What a tab knows: enough for another to start from. */
export interface Snapshot {
  at: Position;
  /** The names of the last events up to there. */
  told: string[];
  counts?: Counts | undefined;
  status: Status;
}

/** What the tabs of a browser say to each other. `n` numbers the events, over all leaders. */
type Note =
  | { t: "ask" } // A tab came: what is the state?
  | { t: "tell"; n: number; snapshot: Snapshot } // The leader's answer.
  | { t: "lead"; n: number; at: Position } // The leader, which now reads on from `at`.
  | { t: "behind"; n: number; at: Position } // A tab that has not come so far: read on from here, please.
  | { t: "event"; n: number; event: ServerEvent }
  | { t: "status"; status: Status };

/** The part of BroadcastChannel that is used. */
export interface Channel {
  postMessage(note: unknown): void;
  onmessage: ((e: { data: unknown }) => void) | null;
  close(): void;
}

/** The part of navigator.locks that is used. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, held: () => Promise<void>): Promise<void>;
}

export interface TabsConfig {
  name: string;
  /** Either missing: this tab leads itself, alone. */
  locks?: Locks | undefined;
  channel?: Channel | undefined;
  /** This tab's own state. */
  snapshot: () => Snapshot;
  /** Hold the connection from now on, resuming at `at`. */
  onLead: (at: Position) => void;
  /** The leader vouches for this state. */
  onTell: (s: Snapshot) => void;
  onEvent: (e: ServerEvent) => void;
  onStatus: (s: Status) => void;
}

/**
 * Tabs elects one tab to hold the connection for all. The leader holds a Web Lock, which the browser frees when
 * the tab dies, and sends what it hears over a BroadcastChannel.
 *
 * Nothing is lost or doubled in any tab when the leader changes: the new one says from where it reads on; a tab that
 * has not come so far says so and turns deaf until the leader has gone back to its position. What others hear
 * twice by that, their ledgers drop.
 */
export class Tabs {
  leading = false;
  #c: TabsConfig;
  #life = new AbortController();
  #release: (() => void) | undefined;
  #from: { n: number; at: Position } = { n: 0, at: { rev: -1 } };
  /** The number of the last event heard, or said. */
  #n = 0;
  /** What this tab must hear before it may listen to events. */
  #awaits: "tell" | "lead" | undefined = "tell";

  constructor(config: TabsConfig) {
    this.#c = config;
  }

  join(): void {
    const { locks, channel, name } = this.#c;
    if (!locks || !channel) return this.#lead(0, this.#c.snapshot().at);
    channel.onmessage = ({ data }) => this.#hear(data as Note);
    this.#say({ t: "ask" });
    locks
      .request(name, { signal: this.#life.signal }, () => {
        if (this.#life.signal.aborted) return Promise.resolve();
        this.#lead(this.#n, this.#c.snapshot().at);
        return new Promise((release) => (this.#release = release));
      })
      .catch(() => {}); // Aborted while waiting: leave() was called.
  }

  /** Hands the connection over, if this tab holds it. */
  leave(): void {
    this.leading = false;
    this.#life.abort();
    this.#release?.();
    this.#c.channel?.close();
  }

  /** Passes an event on to the other tabs. */
  event(event: ServerEvent): void {
    this.#say({ t: "event", n: ++this.#n, event });
  }

  status(status: Status): void {
    this.#say({ t: "status", status });
  }

  #lead(n: number, at: Position): void {
    this.leading = true;
    this.#n = n;
    this.#from = { n, at };
    // First word, then events: the others must know from where these begin.
    this.#say({ t: "lead", n, at });
    this.#c.onLead(at);
  }

  #hear(note: Note): void {
    const { snapshot, onTell, onEvent, onStatus } = this.#c;
    switch (note.t) {
      case "ask":
        if (this.leading) this.#say({ t: "tell", n: this.#n, snapshot: snapshot() });
        return;
      case "tell":
        if (this.#awaits !== "tell") return;
        this.#awaits = undefined;
        this.#n = note.n;
        return onTell(note.snapshot);
      case "lead":
        return this.#follow(snapshot().at, note);
      case "behind":
        if (this.leading && isBehind(note.n, this.#from)) this.#lead(note.n, note.at);
        return;
      case "event":
        if (this.#awaits) return;
        this.#n = note.n;
        return onEvent(note.event);
      case "status":
        return onStatus(note.status);
    }
  }

  #follow(at: Position, leader: { n: number; at: Position }): void {
    if (this.#awaits === "tell" || at.cursor === undefined) {
      this.#awaits = "tell";
      return this.#say({ t: "ask" });
    }
    this.#awaits = isBehind(this.#n, leader) ? "lead" : undefined;
    if (this.#awaits) this.#say({ t: "behind", n: this.#n, at });
  }

  #say(note: Note): void {
    if (!this.#life.signal.aborted) this.#c.channel?.postMessage(note);
  }
}

/** A leader without a cursor starts at the present, which is after every position. */
function isBehind(n: number, leader: { n: number; at: Position }): boolean {
  return leader.at.cursor === undefined || n < leader.n;
}
