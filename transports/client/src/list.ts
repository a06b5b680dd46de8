import type { Departure, Message, MessageState } from "./events.ts";
import type { Reddot } from "./reddot.ts";

/** Which messages, and how many of them a page holds. */
export interface Scope {
  category?: string;
  limit?: number;
}

/** MessageList is a part of the inbox that stays right by itself: loaded once, then moved by the client's events. */
export class MessageList {
  messages: Message[] = [];
  /** The page after the last loaded one; undefined at the end. */
  next: string | undefined;
  #client: Reddot;
  #query: Scope;
  #changed: () => void;
  #stop: (() => void)[];
  #loads = 0;

  constructor(client: Reddot, query: Scope, changed: () => void) {
    this.#client = client;
    this.#query = query;
    this.#changed = changed;
    this.#stop = [
      client.on("message", (m) => this.#shows(m) && this.#set([m, ...this.#without([m.id])])),
      client.on("update", (m) => this.#set(this.messages.map((old) => (old.id === m.id ? m : old)))),
      client.on("retract", (ids) => this.#set(this.#without(ids))),
      client.on("change", (ids, state) => this.#change(ids, state)),
      client.on("reset", () => void this.load().catch(() => {})),
    ];
  }

  /** Loads the first page again. */
  async load(): Promise<void> {
    await this.#page(undefined, () => []);
  }

  async more(): Promise<void> {
    if (this.next) await this.#page(this.next, () => this.messages);
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }

  async #page(next: string | undefined, before: () => Message[]): Promise<void> {
    const load = ++this.#loads;
    const page = await this.#client.inbox.list({ ...this.#query, ...(next && { next }) });
    // A later load has the later truth.
    if (load !== this.#loads) return;
    this.next = page.next || undefined;
    const known = before();
    this.#set([...known, ...page.messages.filter((m) => known.every((k) => k.id !== m.id))]);
  }

  #change(ids: string[], state: MessageState | Departure): void {
    if (!isShown(state)) return this.#set(this.#without(ids));
    // What comes back from the archive or from its snooze is not in the list yet.
    if (ids.some((id) => this.messages.every((m) => m.id !== id))) void this.load().catch(() => {});
    this.#set(this.messages.map((m) => (ids.includes(m.id) ? { ...m, state } : m)));
  }

  #shows(m: Message): boolean {
    return !this.#query.category || m.category === this.#query.category;
  }

  #without(ids: string[]): Message[] {
    return this.messages.filter((m) => !ids.includes(m.id));
  }

  #set(messages: Message[]): void {
    this.messages = messages.filter((m) => isShown(m.state));
    this.#changed();
  }
}

function isShown(state: MessageState | Departure): state is MessageState {
  return state === "unseen" || state === "seen" || state === "read";
}

/** A message counts as unread until it is read, archived or put off. */
export function isUnread(m: Message): boolean {
  return m.state === "unseen" || m.state === "seen";
}

/** "now", "5 min ago": how long ago, in the reader's language. */
export function ago(time: string, now: number, locale?: string): string {
  const seconds = (Date.parse(time) - now) / 1000;
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]] as const) {
    if (seconds <= -size) return words.format(Math.trunc(seconds / size), unit);
  }
  return words.format(0, "second");
}
