import type { Departure, Message, MessageState } from "./events.ts";
import type { Selection } from "./inbox.ts";
import type { Reddot } from "./reddot.ts";

/** Which messages, and how many of them a page holds. */
export interface Scope extends Selection {
  limit?: number;
}

/** How many steps are kept for a load to catch up with. */
const REMEMBERED = 500;

type Step = (messages: Message[]) => Message[];

/** MessageList is a part of the inbox that stays right by itself: loaded once, then moved by the client's events. */
export class MessageList {
  messages: Message[] = [];
  /** The page after the last loaded one; undefined at the end. */
  next: string | undefined;
  #client: Reddot;
  #query: Scope;
  #changed: () => void;
  #stop: (() => void)[];
  /** The steps since the running load was asked for: its answer may not know of them. */
  #since: Step[] = [];
  #loads = 0;

  constructor(client: Reddot, query: Scope, changed: () => void) {
    this.#client = client;
    this.#query = query;
    this.#changed = changed;
    this.#stop = [
      client.on("message", (m) => this.#shows(m) && this.#take((all) => [m, ...without(all, [m.id])])),
      client.on("update", (m) => this.#take((all) => all.map((old) => (old.id === m.id ? m : old)))),
      client.on("retract", (ids) => this.#take((all) => without(all, ids))),
      client.on("change", (ids, state) => this.#change(ids, state)),
      client.on("reset", () => void this.load().catch(() => {})),
    ];
  }

  /** Loads the first page again. */
  async load(): Promise<void> {
    await this.#page(undefined, (_, page) => page);
  }

  async more(): Promise<void> {
    if (this.next) await this.#page(this.next, (all, page) => [...all, ...without(page, all.map((m) => m.id))]);
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }

  async #page(next: string | undefined, join: (all: Message[], page: Message[]) => Message[]): Promise<void> {
    const load = ++this.#loads;
    this.#since = [];
    const page = await this.#client.inbox.list({ ...this.#query, ...(next && { next }) });
    // A later load has the later truth.
    if (load !== this.#loads) return;
    this.next = page.next || undefined;
    this.#set(this.#since.reduce((all, step) => step(all), join(this.messages, page.messages)));
  }

  #change(ids: string[], state: MessageState | Departure): void {
    if (!isShown(state)) return this.#take((all) => without(all, ids));
    // Where no more pages are to come, an unknown message is one that came back from the archive.
    const strange = !this.next && ids.some((id) => this.messages.every((m) => m.id !== id));
    this.#take((all) => all.map((m) => (ids.includes(m.id) ? { ...m, state } : m)));
    if (strange) void this.load().catch(() => {});
  }

  #shows(m: Message): boolean {
    const { category, tenant } = this.#query;
    return (!category || m.category === category) && (!tenant || m.tenant === tenant);
  }

  #take(step: Step): void {
    this.#since.push(step);
    if (this.#since.length > REMEMBERED) this.#since.shift();
    this.#set(step(this.messages));
  }

  #set(messages: Message[]): void {
    this.messages = messages.filter((m) => isShown(m.state));
    this.#changed();
  }
}

function without(messages: Message[], ids: string[]): Message[] {
  return messages.filter((m) => !ids.includes(m.id));
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
