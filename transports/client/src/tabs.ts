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

/** Where a leader reads on, or a tab stands. `n` numbers the events; tabs that followed the same leader compare by it. */
interface Place {
  n: number;
  at: Position;
}

/** The terms that a leader followed before, and where it left them. */
type Path = [term: number, left: Place][];

/**
 * What the tabs of a browser say to each other. A term is one tab's leadership: each is higher than those before, and its fraction
 * is by chance, so that no two are the same.
 */
export type Note =
  | { t: "ask" } // A tab came: what is the state?
  | ({ t: "tell"; term: number; snapshot: Snapshot; path: Path } & Place) // The leader's answer.
  | ({ t: "lead"; term: number; path: Path } & Place) // A leader, which was told so far, now reads on from `at`.
  | ({ t: "behind"; term: number } & Place) // A tab that has not come so far: read on from here, please.
  | ({ t: "event"; term: number; event: ServerEvent } & Place)
  | { t: "status"; term: number; status: Status } // Also the answer to a ping.
  | { t: "ping" } // Is the leader alive?
  | { t: "wake" } // Somebody looks at a tab: try now, if you are waiting.
  | { t: "want"; from: string; topics: string[] }
  | { t: "gone"; from: string }; // It is taken for dead; if it lives, it says again what it wants.

/** A note without its term. */
type Unsigned<N> = N extends unknown ? Omit<N, "term"> : never;

/** What a tab needs of its browser and of its client. */
export interface Host {
  say(note: Note): void;
  /** Asks for the lock: granted() follows when it is there, at once if it is stolen. */
  lock(steal: boolean): void;
  unlock(): void;
  /** This tab's own state. */
  snapshot(): Snapshot;
  /** Hold the connection from now on, resuming at `at`. */
  lead(at: Position): void;
  /** Hold it no longer. */
  rest(): void;
  /** The leader vouches for this state. */
  tell(s: Snapshot): void;
  event(e: ServerEvent): void;
  status(s: Status): void;
  /** Overdue timers run; and what waits is tried, if `now` is set. */
  wake(now: boolean): void;
  want(all: string[]): void;
  /** Calls gone() when that tab has died. */
  watch(tab: string): void;
  /** The lock cannot be had: connect without the others. */
  alone(): void;
}

/**
 * After such a silence a follower asks whether the leader lives; that long the answer may take, and then another tab takes the
 * lock. Milliseconds. The jitter lets one tab ask for all.
 */
const SILENCE = 4500;
const JITTER = 500;
const PATIENCE = 1500;

/** A tick that comes so late says that this tab slept itself. Milliseconds. */
const SLEPT = 2 * SILENCE;

/** So many terms are remembered: two tabs that have not heard the same leaders compare where they parted. */
const TERMS = 8;

/** So many locks may be stolen in vain. */
const TRIES = 3;

/**
 * Tabs elects one tab to hold the connection for all. It is a pure machine: notes, ticks of a clock and the lock go in, what is to
 * be done comes out by its Host.
 *
 * The leader holds a Web Lock, which the browser frees when the tab dies. A leader that is blocked or frozen keeps its lock and
 * answers no ping: another tab steals the lock. When the old leader wakes it finds itself without the lock, or hears a
 * higher term, and follows; what it says until then has a lower term, which nobody heeds.
 *
 * Nothing is lost or doubled in any tab when the leader changes: the new one says from where it reads on; a tab that
 * has not come so far says so and turns deaf until the leader has gone back to its position. What others hear
 * twice by that, their ledgers drop.
 */
export class Tabs {
  leading = false;
  readonly id: string;
  #h: Host;
  #random: () => number;
  #closed = false;
  /** The term that this tab follows, or leads. */
  #term = 0;
  #from: Place = { n: 0, at: { rev: -1 } };
  /** The last event heard, or said. This tab's own position may be ahead of it, while a leader goes back for another. */
  #place: Place = { n: 0, at: { rev: -1 } };
  /** Where this tab stood when it left a term. */
  #left = new Map<number, Place>();
  /** What this tab must hear before it may listen to events. */
  #awaits: "tell" | "lead" | undefined = "tell";
  #heard = 0;
  #asked: number | undefined;
  #ticked = 0;
  #stolen = 0;
  #doubt = false;
  #mine: string[] = [];
  #wanted = new Map<string, string[]>();

  constructor(host: Host, id: string, random: () => number = Math.random) {
    this.#h = host;
    this.id = id;
    this.#random = random;
  }

  join(now: number): void {
    this.#place = { n: 0, at: this.#h.snapshot().at };
    this.#heard = this.#ticked = now;
    this.#h.say({ t: "ask" });
    this.#h.lock(false);
  }

  /** Hands the connection over, if this tab holds it. */
  leave(): void {
    this.leading = false;
    this.#h.unlock();
    this.want([]);
    this.#closed = true;
  }

  /** This tab holds the lock. */
  granted(): void {
    if (this.#closed) return;
    this.#stolen = 0;
    if (!this.leading) this.#lead(Math.floor(this.#term) + 1 + this.#random(), this.#place);
  }

  /** Another tab has stolen the lock. */
  lost(now: number): void {
    if (this.leading) this.#stepDown(now);
    else this.#h.lock(false);
  }

  /** Looks at the clock. Returns when to do so again, in milliseconds. */
  tick(now: number): number {
    const slept = now - this.#ticked > SLEPT;
    this.#ticked = now;
    if (this.leading || this.#closed) return SILENCE;
    // What was said while this tab slept is still to be heard.
    if (slept) {
      this.#heard = now - SILENCE;
      this.#asked = undefined;
    }
    const rest = this.#heard + SILENCE - now;
    if (this.#asked === undefined && rest > 0) return rest + this.#random() * JITTER;
    if (this.#asked === undefined) {
      this.#asked = now;
      this.#h.say({ t: "ping" });
    } else if (now - this.#asked >= PATIENCE) this.#steal(now);
    // What was asked may have been lost with a leader.
    if (this.#awaits === "lead") this.#behind();
    else if (this.#awaits) this.#h.say({ t: "ask" });
    return PATIENCE;
  }

  /** Passes an event on to the other tabs; the connection stands at `at` then. */
  event(event: ServerEvent, at: Position): void {
    this.#place = { n: this.#place.n + 1, at };
    this.#rule({ t: "event", event, ...this.#place });
  }

  status(status: Status): void {
    this.#rule({ t: "status", status });
  }

  /** Somebody looks at this tab: whoever leads is to try now, and to answer. */
  wake(now: number): void {
    this.#say({ t: "wake" });
    this.#heard = Math.min(this.#heard, now - SILENCE);
    if (this.leading) this.#h.wake(true);
  }

  /** The topics that this tab wants to hear of, and SEEN if somebody looks at it. */
  want(topics: string[]): void {
    this.#mine = topics;
    if (this.leading) this.#union();
    else this.#say({ t: "want", from: this.id, topics });
  }

  hear(note: Note, now: number): void {
    if (this.#closed) return;
    switch (note.t) {
      case "ask":
        if (this.leading) this.#rule({ t: "tell", snapshot: this.#h.snapshot(), path: [...this.#left], ...this.#place });
        return;
      case "ping":
      case "wake":
        return this.#pinged(note.t === "wake", now);
      case "want":
        return this.leading ? this.#wants(note.from, note.topics) : undefined;
      case "gone":
        return note.from === this.id ? this.want(this.#mine) : undefined;
      case "behind":
        return this.#goBack(note);
      default:
        return this.#follow(note, now);
    }
  }

  /** A tab has died without a word. */
  gone(tab: string): void {
    this.#wanted.delete(tab);
    if (!this.leading) return;
    this.#union();
    this.#say({ t: "gone", from: tab });
  }

  #wants(tab: string, topics: string[]): void {
    if (!this.#wanted.has(tab)) this.#h.watch(tab);
    this.#wanted.set(tab, topics);
    this.#union();
  }

  #pinged(wake: boolean, now: number): void {
    if (this.leading) {
      this.#h.wake(wake);
      this.status(this.#h.snapshot().status);
    } else if (now - this.#heard >= SILENCE) {
      // Its question is this tab's, too.
      this.#asked ??= now;
    }
  }

  /** A leader speaks. */
  #follow(note: Extract<Note, { term: number }>, now: number): void {
    if (this.leading) {
      // Whoever has the lower term learns of it, and who has the higher one has stolen the lock.
      if (note.term < this.#term) return note.t === "lead" ? this.status(this.#h.snapshot().status) : undefined;
      this.#stepDown(now);
    }
    if (note.term < this.#term) return;
    this.#heard = now;
    this.#asked = undefined;
    this.#stolen = 0;
    this.#doubt = false;
    if (note.t === "lead") return this.#compare(note);
    if (note.t === "tell") return this.#told(note);
    if (note.term !== this.#term) {
      // This tab has not heard how its term began.
      this.#awaits = "tell";
      return this.#say({ t: "ask" });
    }
    if (note.t === "status") return this.#h.status(note.status);
    if (note.t !== "event" || this.#awaits) return;
    this.#place = { n: note.n, at: note.at };
    this.#h.event(note.event);
  }

  #told(note: Extract<Note, { t: "tell" }>): void {
    if (this.#awaits !== "tell") return;
    this.#awaits = undefined;
    this.#term = note.term;
    this.#left = new Map(note.path);
    this.#place = { n: note.n, at: note.at };
    this.#h.tell(note.snapshot);
    this.want(this.#mine);
  }

  /** A leader begins, or goes back: has this tab come so far? */
  #compare(lead: Extract<Note, { t: "lead" }>): void {
    const here = this.#place;
    const known = lead.term === this.#term ? here : this.#parted(lead.path, here);
    this.#enter(lead.term);
    this.want(this.#mine);
    const place = lead.at.cursor === undefined ? here : known;
    if (this.#awaits === "tell" || here.at.cursor === undefined || !place) {
      this.#awaits = "tell";
      return this.#say({ t: "ask" });
    }
    this.#awaits = isBehind(place, lead) ? "lead" : undefined;
    if (this.#awaits) this.#place = place;
    else if (place !== here) this.#place = { n: lead.n, at: lead.at };
    if (this.#awaits) this.#behind();
  }

  /** The last place up to which this tab and another were told the same; undefined where that is not known. */
  #parted(path: Path, here: Place): Place | undefined {
    const mine = new Map([...this.#left, [this.#term, here]]);
    const [term, theirs] = path.findLast(([term]) => mine.has(term)) ?? [];
    if (!theirs) return undefined;
    const ours = mine.get(term!)!;
    return ours.n <= theirs.n ? ours : theirs;
  }

  #enter(term: number): void {
    if (term === this.#term) return;
    if (this.#term) this.#left.set(this.#term, this.#place);
    if (this.#left.size > TERMS) this.#left.delete(this.#left.keys().next().value!);
    this.#term = term;
  }

  #behind(): void {
    this.#rule({ t: "behind", ...this.#place });
  }

  #goBack({ term, n, at }: Extract<Note, { t: "behind" }>): void {
    if (this.leading && term === this.#term && isBehind({ n, at }, this.#from)) this.#lead(term, { n, at });
  }

  #lead(term: number, place: Place): void {
    this.#enter(term);
    this.leading = true;
    this.#place = this.#from = place;
    this.#awaits = undefined;
    this.#doubt = false;
    this.#asked = undefined;
    // First word, then events: the others must know from where these begin.
    this.#rule({ t: "lead", path: [...this.#left], ...place });
    this.#h.lead(place.at);
    this.#union();
  }

  #stepDown(now: number): void {
    this.leading = false;
    this.#wanted.clear();
    this.#heard = now;
    this.#h.rest();
    this.#h.unlock();
    this.#h.lock(false);
    this.#say({ t: "ping" });
    this.#h.status({ state: "connecting", reason: "follows" });
  }

  #steal(now: number): void {
    if (!this.#doubt) this.#h.status({ state: "connecting", reason: "no leader" });
    this.#doubt = true;
    this.#asked = now;
    if (++this.#stolen > TRIES) return this.#h.alone();
    this.#h.lock(true);
  }

  #union(): void {
    this.#h.want([...new Set([...this.#mine, ...[...this.#wanted.values()].flat()])]);
  }

  /** Says what belongs to its term. */
  #rule(note: Unsigned<Extract<Note, { term: number }>>): void {
    this.#say({ ...note, term: this.#term } as Note);
  }

  #say(note: Note): void {
    if (!this.#closed) this.#h.say(note);
  }
}

/**
 * Tells whether a tab that stands at `mine` would miss something of a leader that reads on from `lead`. A leader without a cursor
 * starts at the present, which is after every position.
 */
function isBehind(mine: Place, lead: Place): boolean {
  return lead.at.cursor === undefined || mine.n < lead.n;
}
