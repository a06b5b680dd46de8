import { sleep } from "./backoff.ts";
import type { Counts, Message, MessageState } from "./events.ts";
import { retryAfter } from "./transport.ts";

/** Which messages to list. */
export interface Query {
  category?: string;
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

/** A refusal of the server, after RFC 9457. */
export class ReddotError extends Error {
  readonly status: number;
  /** The stable code, such as `not_found`. */
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.name = "ReddotError";
    this.status = status;
    this.code = code;
  }
}

/** How often a request is tried, and the longest wait for a busy server that is worth it, in milliseconds. */
const TRIES = 3;
const WORTH = 30_000;

/** What the inbox needs of its client. */
export interface Account {
  /** The user's address. */
  base: string;
  /** A token; a fresh one if `stale` was refused. */
  token(stale?: string): Promise<string | undefined>;
  observe(c: Counts | undefined): void;
}

/** Inbox reads and changes the user's messages by HTTP. Each change moves the counts at once, here and everywhere. */
export class Inbox {
  #account: Account;

  constructor(account: Account) {
    this.#account = account;
  }

  /** One page, newest first. */
  list(query: Query = {}): Promise<Page> {
    const set = Object.entries(query).filter(([, v]) => v !== undefined && v !== "");
    return this.#ask("GET", "/messages?" + new URLSearchParams(set.map(([k, v]) => [k, String(v)])));
  }

  /** The counts as of now. */
  async counts(): Promise<Counts> {
    const counts = await this.#ask<Counts>("GET", "/counts");
    this.#account.observe(counts);
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
    return this.#one(id, "snooze", { until: until instanceof Date ? until.toISOString() : until });
  }

  seenAll(scope: { category?: string } = {}): Promise<Changed> {
    return this.#change("/seen", { all: true, ...scope });
  }

  readAll(scope: { category?: string } = {}): Promise<Changed> {
    return this.#change("/read", { all: true, ...scope });
  }

  archiveAll(scope: { category?: string } = {}): Promise<Changed> {
    return this.#change("/archive", { all: true, ...scope });
  }

  #mark(verb: string, id: string | string[]): Promise<Changed> {
    return Array.isArray(id) ? this.#change("/" + verb, { ids: id }) : this.#one(id, verb);
  }

  #one(id: string, verb: string, body?: object): Promise<Changed> {
    return this.#change(`/messages/${encodeURIComponent(id)}/${verb}`, body);
  }

  async #change(path: string, body?: object): Promise<Changed> {
    const changed = await this.#ask<Changed>("POST", path, body);
    this.#account.observe(changed.counts);
    return changed;
  }

  /** Repeats a request that a busy server, the network or an old token stopped; its key keeps a change from happening twice. */
  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (method !== "GET") headers["Idempotency-Key"] = uniqueKey();
    const init: RequestInit = { method, headers, cache: "no-store", ...(body && { body: JSON.stringify(body) }) };
    let refused: string | undefined;
    for (let left = TRIES; ; ) {
      const token = await this.#account.token(refused);
      const stale = refused !== undefined && (token ?? "") === refused;
      if (stale) throw new ReddotError(401, "unauthorized", "The token was refused, and there is no fresh one.");
      if (token) headers.Authorization = "Bearer " + token;
      const res = await fetch(this.#account.base + path, init).catch((e: unknown) => {
        if (left <= 1) throw e;
      });
      if (res?.ok) return (await res.json()) as T;
      const wait = retryAfter(res?.headers.get("Retry-After") ?? null, Date.now()) ?? 1000;
      refused = res?.status === 401 ? token ?? "" : undefined;
      const again = !res || refused !== undefined || res.status === 429 || res.status === 503;
      if (!--left || !again || wait > WORTH) throw await problem(res!);
      if (refused === undefined) await sleep(wait);
    }
  }
}

async function problem(res: Response): Promise<ReddotError> {
  const p = (await res.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string };
  return new ReddotError(res.status, p.code ?? "internal", p.detail ?? p.title ?? "HTTP " + res.status);
}

/** crypto.randomUUID is missing on plain HTTP, where crypto.getRandomValues is not. */
function uniqueKey(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");
}
