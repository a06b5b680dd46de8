import type { Counts, CountsEvent, HelloEvent, ServerEvent } from "./events.ts";

/** How many events are remembered by name, to tell a repeat from a second event of the same change. */
const REMEMBERED = 512;

/** How many of them a ledger hands on to another that begins where it stands. */
const HANDED_ON = 64;

/** Where a reader stands: enough to go on from there elsewhere. */
export interface Position {
  cursor?: string | undefined;
  /** The revision that the cursor stands for. */
  rev: number;
}

/** What an event means to listeners. */
export interface Verdict {
  /** Tell listeners: it is new to them. */
  fresh: boolean;
  /** The new counts, if they differ from those last shown. */
  counts?: Counts | undefined;
}

/**
 * Ledger turns "at least once" into "exactly once": it keeps the cursor and knows which events were already told.
 * It is pure: no clock, no network.
 *
 * Cursors are opaque, so order comes from `counts.rev`. A replayed event carries the current counts, a live one those of its
 * own time; both only rise along a connection, so an event below the last one's revision is old, and any other is
 * old if its name was seen.
 */
export class Ledger {
  cursor: string | undefined;
  /** The counts to show. They may run ahead of the cursor: the answer to a request brings them too. */
  counts: Counts | undefined;
  /** Something was fetched before there was a cursor: the first one is a reset. */
  early = false;
  #rev: number;
  #floor: number;
  #told = new Set<string>();

  constructor(at: Position = { rev: -1 }) {
    this.cursor = at.cursor;
    this.#rev = this.#floor = at.rev;
  }

  get position(): Position {
    return { cursor: this.cursor, rev: this.#rev };
  }

  /** The names of the last events, for a ledger that begins here. */
  get told(): string[] {
    return [...this.#told].slice(-HANDED_ON);
  }

  /** Takes an event in and says what to tell. */
  accept(e: ServerEvent): Verdict {
    switch (e.type) {
      case "drain":
        return { fresh: false };
      case "topic":
        return { fresh: true };
      case "hello":
      case "counts":
        return this.#snapshot(e);
      case "reset":
        return this.#reset(e.cursor ?? e.counts?.cursor, e.counts);
      case "message":
      case "state":
      case "update":
      case "retract":
        return this.#change(e);
      default: // A type that a newer server knows.
        return { fresh: false };
    }
  }

  /** Takes in the counts that the server was asked for first: listeners hear what comes after them. */
  start(c: Counts): Counts | undefined {
    return this.cursor ? this.heed(c) : this.#first(c.cursor, c).counts;
  }

  /** Takes counts in that came without an event, such as the answer to a request. Returns them if they are news. */
  heed(c: Counts | undefined): Counts | undefined {
    const shown = this.counts;
    if (!c || (shown && c.rev < shown.rev)) return undefined;
    this.counts = c;
    return shown && c.rev === shown.rev && c.unread === shown.unread && c.unseen === shown.unseen ? undefined : c;
  }

  /** Starts at a position and counts that someone else vouches for; everything up to there counts as told. */
  begin(at: Position, counts?: Counts, told: string[] = []): Counts | undefined {
    this.#told = new Set(told);
    this.cursor = at.cursor;
    this.#rev = this.#floor = at.rev;
    return this.heed(counts);
  }

  #first(cursor: string | undefined, counts: Counts): Verdict {
    return { fresh: this.early, counts: this.begin({ cursor, rev: counts.rev }, counts) };
  }

  #snapshot(e: HelloEvent | CountsEvent): Verdict {
    const { counts } = e;
    const cursor = e.cursor ?? counts.cursor;
    if (this.cursor === undefined) return this.#first(cursor, counts);
    if (e.type === "hello") {
      if (e.recovered === false && cursor !== this.cursor) return this.#reset(cursor, counts);
      // The cursor stays: what was missed is still to be replayed from it.
    } else if (counts.rev >= this.#rev) {
      // The floor stays: these counts may be newer than events of the same replay that are still to come.
      this.cursor = cursor ?? this.cursor;
    }
    return { fresh: false, counts: this.heed(counts) };
  }

  #reset(cursor: string | undefined, counts: Counts | undefined): Verdict {
    if (cursor !== undefined && cursor === this.cursor) return { fresh: false, counts: this.heed(counts) };
    // An erased inbox starts again with a low revision, so the old counts must not win.
    this.counts = undefined;
    return { fresh: true, counts: this.begin({ cursor, rev: counts?.rev ?? -1 }, counts) };
  }

  #change(e: ServerEvent): Verdict {
    const rev = e.counts?.rev ?? this.#rev;
    const name = nameOf(e);
    const known = e.counts && (rev <= this.#floor || rev < this.#rev);
    if (known || this.#told.has(name)) return { fresh: false };
    this.#told.add(name);
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.values().next().value!);
    this.cursor = e.cursor ?? this.cursor;
    this.#rev = rev;
    return { fresh: true, counts: this.heed(e.counts) };
  }
}

function nameOf(e: ServerEvent): string {
  const { message, ids } = e as { message?: { id: string }; ids?: string[] };
  return [e.cursor, e.type, message?.id ?? ids].join();
}
