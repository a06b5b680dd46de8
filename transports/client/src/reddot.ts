import { Badge, type BadgeOptions } from "./badge.ts";
import { Emitter } from "./emitter.ts";
import type { Counts, Departure, Message, MessageEvent, MessageState, ServerEvent } from "./events.ts";
import { iframe } from "./iframe.ts";
import { Inbox } from "./inbox.ts";
import { Ledger, type Position } from "./ledger.ts";
import { Line, type ConnectionState, type Status } from "./line.ts";
import { longpoll } from "./longpoll.ts";
import { poll } from "./poll.ts";
import { sse } from "./sse.ts";
import { Tabs, type Channel, type Locks, type Snapshot } from "./tabs.ts";
import type { NamedTransport } from "./transport.ts";
import { ws } from "./ws.ts";

const BUILT_IN = { ws, sse, longpoll, poll, iframe };

/**
 * How often the clock is looked at, and the gap that only sleep makes, in milliseconds: browsers call the timers of a hidden
 * page once a minute.
 */
const LOOK = 10_000;
const SLEPT = 120_000;

export type TransportName = keyof typeof BUILT_IN;

export interface Options {
  /** The server; this page's by default. */
  url?: string;
  /** Whose inbox; `me`, the token's user, by default. */
  user?: string;
  /** Gives a token, if one is needed; asked before each connection. `stale` is the one that was just refused. */
  token?: (stale?: string) => Promise<string | undefined> | string | undefined;
  /** The ways to try, best first; a transport of your own stands here with its name. ws, sse, longpoll, poll by default. */
  transports?: (TransportName | NamedTransport)[];
  /** One connection for all tabs of this browser with the same transports. On by default, where the browser can. */
  shared?: boolean;
  /** Favicon, title and app badge; all on by default, `false` for none. */
  badge?: boolean | BadgeOptions;
  /** How often short poll asks, in milliseconds; 5,000 by default. */
  pollEvery?: number;
  /** How long to stay with a lesser transport before a better one is tried again, in milliseconds; 60,000 by default. */
  upgradeAfter?: number;
}

/** What listeners are told. Each event exactly once, in order. */
export type Listeners = {
  /** The counts moved. */
  counts: [counts: Counts];
  /** A message arrived. */
  message: [message: Message];
  /** Messages changed their state: read, seen, archived … here or on another screen. */
  change: [ids: string[], state: MessageState | Departure];
  /** A message was edited. */
  update: [message: Message];
  /** Messages were taken back, or left for a newer one. */
  retract: [ids: string[]];
  /** History was lost: fetch again what you show. */
  reset: [];
  /** A live message of a topic. */
  topic: [topic: string, payload: unknown];
  /** The connection: connecting, live or offline. */
  state: [state: ConnectionState];
  /** The same with transport and reason. */
  status: [status: Status];
  /** Every event as it came. */
  event: [event: ServerEvent];
};

/** Reddot is one user's live inbox: the counts, the messages as they come, and what to do with them. */
export class Reddot extends Emitter<Listeners> {
  readonly inbox: Inbox;
  #o: Options;
  #base: string;
  #ledger = new Ledger();
  #status: Status = { state: "connecting" };
  #line: Line | undefined;
  #tabs: Tabs | undefined;
  #badge: Badge | undefined;
  #life = new AbortController();
  #stay: AbortController | undefined;

  constructor(options: Options = {}) {
    super();
    this.#o = options;
    const { url = location.origin, user = "me", badge = true } = options;
    this.#base = `${new URL(url, location.href).href.replace(/\/$/, "")}/v1/users/${encodeURIComponent(user)}`;
    if (badge) this.#badge = new Badge(badge === true ? {} : badge);
    this.inbox = new Inbox({
      base: this.#base,
      token: (stale) => this.#token(stale),
      observe: (c) => this.#show(this.#ledger.observe(c)),
    });
    const { signal } = this.#life;
    addEventListener("online", () => this.#line?.renew(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#line?.kick(), { signal });
    // A page kept for "back" must not hold the connection of the others.
    addEventListener("pagehide", () => this.#leave(), { signal });
    addEventListener("pageshow", (e) => e.persisted && this.connect(), { signal });
    this.#watchForSleep(signal);
    // Listeners that are added right after construction hear everything.
    queueMicrotask(() => signal.aborted || this.connect());
  }

  /** The last counts; undefined until the first ones came. */
  get counts(): Counts | undefined {
    return this.#ledger.counts;
  }

  get status(): Status {
    return this.#status;
  }

  /** Up to where listeners were told everything. */
  get cursor(): string | undefined {
    return this.#ledger.cursor;
  }

  /** Connects; only needed after the server said not to come back. */
  connect(): void {
    this.#leave();
    void this.#join();
  }

  /** Ends the connection for good. Another tab takes over the shared one. */
  close(): void {
    this.#life.abort();
    this.#leave();
    this.#badge?.clear();
    this.#tell({ state: "offline", reason: "closed" });
  }

  async #join(): Promise<void> {
    const stay = (this.#stay = new AbortController());
    const sharing = await this.#sharing();
    if (stay.signal.aborted) return sharing.channel?.close();
    this.#tabs = new Tabs({
      ...sharing,
      snapshot: () => this.#snapshot(),
      onLead: (at) => this.#lead(at),
      onTell: (s) => this.#begin(s),
      onEvent: (e) => this.#take(e),
      onStatus: (s) => this.#tell(s),
    });
    this.#tabs.join();
  }

  /** A machine that slept finds its connection dead, and hears so late: a clock that jumped tells at once. */
  #watchForSleep(signal: AbortSignal): void {
    let last = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - last > SLEPT) this.#line?.renew();
      last = Date.now();
    }, LOOK);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  #leave(): void {
    this.#stay?.abort();
    this.#line?.stop();
    this.#tabs?.leave();
    this.#line = this.#tabs = undefined;
  }

  /** What tabs of the same user share; nothing where the browser lacks it. */
  async #sharing(): Promise<{ name: string; channel?: Channel; locks?: Locks }> {
    const locks = navigator.locks as Locks | undefined;
    if (this.#o.shared === false || !locks || typeof BroadcastChannel === "undefined") return { name: "" };
    // `me` is whoever the token says: tabs of different users must not meet.
    const token = (this.#o.user ?? "me") === "me" ? await this.#token().catch(() => "") : "";
    const ways = this.#transports().map((t) => t.name);
    const name = `reddot:${this.#base} ${subject(token)} ${ways}`;
    return { name, locks, channel: new BroadcastChannel(name) as Channel };
  }

  #lead(at: Position): void {
    const { pollEvery = 5000, upgradeAfter = 60_000 } = this.#o;
    this.#line?.stop();
    this.#line = new Line(
      {
        base: this.#base,
        transports: this.#transports(),
        token: (stale) => this.#token(stale),
        pollEvery,
        upgradeAfter,
        onEvent: (e) => {
          this.#tabs?.event(e);
          this.#take(e);
        },
        onStatus: (s) => {
          this.#tabs?.status(s);
          this.#tell(s);
        },
      },
      at,
    );
    this.#line.start();
  }

  async #token(stale?: string): Promise<string | undefined> {
    return this.#o.token?.(stale);
  }

  #transports(): NamedTransport[] {
    const { transports = ["ws", "sse", "longpoll", "poll"] } = this.#o;
    return transports.map((t) => (typeof t === "string" ? { name: t, run: BUILT_IN[t] } : t));
  }

  #snapshot(): Snapshot {
    const { position: at, told, counts } = this.#ledger;
    return { at, told, counts, status: this.#status };
  }

  /** Takes over what the leading tab knows. */
  #begin({ at, told, counts, status }: Snapshot): void {
    const before = this.#ledger.cursor;
    this.#tell(status);
    if (at.cursor === undefined) return;
    this.#ledger = new Ledger();
    this.#show(this.#ledger.begin(at, counts, told));
    // A page that comes back after a rest has missed what the others heard.
    if (before !== undefined && before !== at.cursor) this.emit("reset");
  }

  #take(e: ServerEvent): void {
    const { fresh, counts } = this.#ledger.accept(e);
    if (fresh) this.#announce(e);
    this.#show(counts);
    if (fresh || counts) this.emit("event", e);
  }

  #announce(e: ServerEvent): void {
    switch (e.type) {
      case "message":
        return this.#arrive(e);
      case "update":
        return this.emit("update", e.message);
      case "state":
        return this.emit("change", e.ids, e.state);
      case "retract":
        return this.emit("retract", e.ids);
      case "topic":
        return this.emit("topic", e.topic, e.payload);
      case "hello": // News only where it says that the cursor was foreign.
      case "reset":
        return this.emit("reset");
    }
  }

  #arrive({ message, replaces = [], dropped = [] }: MessageEvent): void {
    const gone = [...replaces, ...dropped];
    if (gone.length) this.emit("retract", gone);
    this.emit("message", message);
  }

  #show(counts: Counts | undefined): void {
    if (!counts) return;
    this.#badge?.show(counts.unread);
    this.emit("counts", counts);
  }

  #tell(status: Status): void {
    const { state } = this.#status;
    this.#status = status;
    if (status.state !== state) this.emit("state", status.state);
    this.emit("status", status);
  }
}

/** Whose token it is. Nothing is verified: the server does that. */
function subject(token = ""): string {
  try {
    const claims = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return String((JSON.parse(atob(claims)) as { sub?: unknown }).sub);
  } catch {
    return "";
  }
}
