import type { Counts, Message, MessageState } from "./events.ts";
import { ask, type Account } from "./request.ts";

/** Which messages are meant: all that have both, or what is named of them. */
export interface Selection {
  category?: string;
  /** A workspace of a product that has several. */
  tenant?: string;
}

/** Which messages to list. */
export interface Query extends Selection {
  /** The whole inbox but what is archived, snoozed or scheduled by default. */
  state?: MessageState | "unread" | "all";
  /** At most 200. */
  limit?: number;
  /** The `next` of the page before. */
  next?: string;
}

export interface Page {
  messages: Message[];
  /** Absent at the end. */
  next?: string;
}

/** The answer to a change. */
export interface Changed {
  counts: Counts;
  /** Ids that the inbox does not know (any more). */
  unknown?: string[];
}

/** Which channels may be used: `inapp`, `email`, `sms`, … */
export type Switches = Record<string, boolean>;

/** What a user wants to get, and when. */
export interface Preferences {
  categories?: Record<string, Switches>;
  channels?: Switches;
  /** By the wall clock, as `22:00`; `days` are those on which they begin, `mon` to `sun`. */
  quiet_hours?: { from: string; to: string; zone?: string; days?: string[] };
  muted_until?: string;
  /** What holds for messages of a tenant. */
  tenants?: Record<string, Omit<Preferences, "tenants">>;
}

/** What the inbox needs of its client. */
export interface Keeper {
  /** Resolves once it is known where events begin, if that can be known: no event falls between them and what is asked then. */
  placed(): Promise<unknown>;
  /** Rises when the inbox becomes another user's: what was asked before is no news then. */
  readonly epoch: number;
  /** Takes in the counts of an answer to what was asked in that epoch. */
  heed(c: Counts | undefined, epoch: number): void;
}

/** Inbox reads and changes the user's messages by HTTP. Each change moves the counts at once, here and everywhere. */
export class Inbox {
  #account: Account;
  #keeper: Keeper;

  constructor(account: Account, keeper: Keeper) {
    this.#account = account;
    this.#keeper = keeper;
  }

  /** One page, newest first. */
  async list(query: Query = {}): Promise<Page> {
    await this.#keeper.placed();
    return this.#ask("GET", "/messages?" + params(query));
  }

  /** The counts as of now. */
  async counts(): Promise<Counts> {
    const { epoch } = this.#keeper;
    const counts = await this.#ask<Counts>("GET", "/counts");
    this.#keeper.heed(counts, epoch);
    return counts;
  }

  seen(id: string | string[]): Promise<Changed> {
    return this.#mark("seen", id);
  }

  read(id: string | string[]): Promise<Changed> {
    return this.#mark("read", id);
  }

  archive(id: string | string[]): Promise<Changed> {
    return this.#mark("archive", id);
  }

  unread(id: string): Promise<Changed> {
    return this.#one(id, "unread");
  }

  /** Hides a message until then; it comes back unseen. */
  snooze(id: string, until: Date | string): Promise<Changed> {
    return this.#one(id, "snooze", { until });
  }

  seenAll(scope?: Selection): Promise<Changed> {
    return this.#change("/seen", { all: true, ...scope });
  }

  readAll(scope?: Selection): Promise<Changed> {
    return this.#change("/read", { all: true, ...scope });
  }

  archiveAll(scope?: Selection): Promise<Changed> {
    return this.#change("/archive", { all: true, ...scope });
  }

  /** Lets messages for the topic's followers come into the inbox, or, with `on` false, no more. */
  follow(topic: string, on = true): Promise<Changed> {
    return this.#change("/follows/" + encodeURIComponent(topic), undefined, on ? "PUT" : "DELETE");
  }

  /** The topics that the user follows, a page at a time. */
  follows(page: { limit?: number; next?: string } = {}): Promise<{ follows: string[]; next?: string }> {
    return this.#ask("GET", "/follows?" + params(page));
  }

  unfollow(topic: string): Promise<Changed> {
    return this.follow(topic, false);
  }

  /** The preferences, or, with some given, the new ones in their place. */
  preferences(set?: Preferences): Promise<Preferences> {
    return this.#ask(set ? "PUT" : "GET", "/preferences", set);
  }

  #mark(verb: string, id: string | string[]): Promise<Changed> {
    return Array.isArray(id) ? this.#change("/" + verb, { ids: id }) : this.#one(id, verb);
  }

  #one(id: string, verb: string, body?: object): Promise<Changed> {
    return this.#change(`/messages/${encodeURIComponent(id)}/${verb}`, body);
  }

  async #change(path: string, body?: object, method = "POST"): Promise<Changed> {
    const { epoch } = this.#keeper;
    const changed = await this.#ask<Changed>(method, path, body);
    this.#keeper.heed(changed.counts, epoch);
    return changed;
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse((await ask(this.#account, method, path, body)).body) as T;
  }
}

/** The parameters that are set. */
function params(all: object): URLSearchParams {
  return new URLSearchParams(Object.entries(all).filter(([, v]) => (v ?? "") !== "")); // a number is made text
}
