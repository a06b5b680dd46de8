import { backoff, poke, sleep } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import { isSignedOut, type ReddotError } from "./errors.ts";
import type { Counts, Departure, Message, MessageEvent, MessageState, ServerEvent, TopicEvent } from "./events.ts";
import { Identity } from "./identity.ts";
import { Inbox } from "./inbox.ts";
import { Ledger, type Position } from "./ledger.ts";
import { Line, reasonOf, type ConnectionState, type Status } from "./line.ts";
import { longpoll } from "./longpoll.ts";
import { recall, remember } from "./memory.ts";
import { Badge, type BadgeOptions } from "./page.ts";
import { poll } from "./poll.ts";
import { Sharing } from "./sharing.ts";
import { sse } from "./sse.ts";
import type { Snapshot } from "./tabs.ts";
import type { TokenSource } from "./tokens.ts";
import { matches, SEEN } from "./topics.ts";
import type { NamedTransport, Transport } from "./transport.ts";
import { ws } from "./ws.ts";

/** The iframe stands in a file of its own: it is no default, and browsers that need it are rare. */
const iframe: Transport = async (w) => (await import("./iframe.ts")).iframe(w);

const BUILT_IN = { ws, sse, longpoll, poll, iframe };
const DEFAULT = ["ws", "sse", "longpoll", "poll"] as const;

/** How often the clock is looked at, in milliseconds. */
const LOOK = 10_000;

/** The pauses before who the user is is asked again: after a failure, and while nobody is signed in. Milliseconds. */
const FAILED = [1000, 30_000] as const;
const SIGNED_OUT = [10_000, 300_000] as const;

export type TransportName = keyof typeof BUILT_IN;

export interface Options {
  /** The server; this page's by default. */
  url?: string;
  /** Whose inbox; `me`, the token's user, by default. */
  user?: string;
  /**
   * Gives a token, if one is needed; nothing while nobody is signed in. It is asked again before the token expires, or when it was
   * refused: `stale` is that one.
   */
  token?: TokenSource;
  /** `include` sends cookies to a server of another origin, for logins by cookie. */
  credentials?: RequestCredentials;
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
  /** A live message of a topic that this client has subscribed to. */
  topic: [topic: string, payload: unknown, event: TopicEvent];
  /** The server does not let the user subscribe to a topic. */
  refused: [topic: string, code: string];
  /** The connection: connecting, live, offline or signed-out. */
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
  #who: Identity;
  #ledger = new Ledger();
  #epoch = 0;
  #status: Status = { state: "connecting" };
  #line: Line | undefined;
  #sharing: Sharing | undefined;
  #badge: Badge | undefined;
  #topics: string[] = [];
  #life: AbortController | undefined;
  #stay: AbortController | undefined;
  #kick = new AbortController();
  #closed = false;

  constructor(options: Options = {}) {
    super();
    this.#o = options;
    this.#who = new Identity(options, () => this.#forget());
    const { badge = true } = options;
    if (badge) this.#badge = new Badge(badge === true ? {} : badge);
    const client = this;
    this.inbox = new Inbox(this.#who, {
      get epoch() {
        return client.#epoch;
      },
      placed: () => this.#placed(),
      heed: (c, epoch) => epoch === this.#epoch && this.#life && this.#show(this.#ledger.heed(c)),
    });
    // Listeners that are added right after construction hear everything.
    queueMicrotask(() => this.#closed || this.connect());
  }

  /** The last counts; undefined until the first ones came, and while nobody is signed in. */
  get counts(): Counts | undefined {
    return this.#status.state === "signed-out" ? undefined : this.#ledger.counts;
  }

  get status(): Status {
    return this.#status;
  }

  /** Up to where listeners were told everything. */
  get cursor(): string | undefined {
    return this.#ledger.cursor;
  }

  /** Connects anew: after somebody has signed in or out, after the server said not to come back, and after close(). */
  connect(): void {
    if (!globalThis.document) return; // On a server there is nobody to tell.
    this.#closed = false;
    this.#who.tokens.renew();
    this.#listen();
    this.#leave();
    void this.#run();
  }

  /** Asks token() again. If it gives another user's token, all starts anew; if it gives the same user's, nothing is cut. */
  async refresh(): Promise<void> {
    this.#who.tokens.renew();
    await this.#who.token().catch(() => {}); // Who needs a token is told.
    if (this.#status.state === "signed-out") this.#kick.abort();
  }

  /** Ends the connection and gives the page back what is its own. Another tab takes over the shared one. connect() undoes it. */
  close(): void {
    this.#closed = true;
    this.#life?.abort();
    this.#life = undefined;
    this.#leave();
    this.#badge?.clear();
    this.#tell({ state: "offline", reason: "closed" });
  }

  /**
   * Subscribes to a topic, or to many by MQTT's wildcards + and #: its messages come by the event `topic`, at most once, while
   * the connection is a WebSocket or an event stream. The returned function ends that.
   */
  subscribe(topic: string): () => void {
    this.#want([...this.#topics, topic]);
    let on = true;
    return () => {
      const at = this.#topics.indexOf(topic);
      if (on && at >= 0) this.#want(this.#topics.filter((_, i) => i !== at));
      on = false;
    };
  }

  #listen(): void {
    if (this.#life) return;
    const { signal } = (this.#life = new AbortController());
    const on = (name: string, heard: (e: Event) => unknown) => addEventListener(name, heard, { signal, capture: true });
    on("online", () => this.#line?.renew());
    on("offline", () => this.#line?.lost());
    on("visibilitychange", () => (this.#want(), document.hidden || this.#wake()));
    // A page kept for "back", or frozen, must not hold the connection of the others.
    for (const away of ["pagehide", "freeze"]) on(away, () => this.#leave());
    on("pageshow", (e) => (e as PageTransitionEvent).persisted && this.connect());
    on("resume", () => this.connect());
    // A machine that slept has missed its timers, and with them that its connection is dead.
    const timer = setInterval(poke, LOOK);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** Somebody looks at the tab: what waits is tried. */
  #wake(): void {
    poke();
    if (this.#status.state === "signed-out") this.#who.tokens.renew();
    this.#kick.abort();
    this.#line?.kick();
    this.#sharing?.tabs.wake(Date.now());
    this.#sharing?.look();
  }

  #leave(): void {
    this.#stay?.abort();
    this.#line?.stop();
    this.#sharing?.leave();
    this.#line = this.#sharing = undefined;
  }

  /** Finds out who the user is, and joins the other tabs of the same user. */
  async #run(): Promise<void> {
    const { signal } = (this.#stay = new AbortController());
    if (this.#status.state !== "signed-out") this.#tell({ state: "connecting" });
    for (let round = 0; this.#o.shared !== false; round++) {
      const failure = await this.#confirm(signal);
      if (signal.aborted) return;
      if (!failure) break;
      const pause = this.#refuse(failure);
      if (!pause) return;
      this.#kick = new AbortController();
      await sleep(pause[0] / 2 + backoff(round, ...pause), signal, this.#kick.signal);
      if (signal.aborted) return;
    }
    this.#join();
  }

  /** Resolves to why it is not known who the user is; to nothing when it is. */
  async #confirm(signal: AbortSignal): Promise<unknown> {
    const epoch = this.#epoch;
    try {
      const counts = await this.#who.confirm();
      if (!signal.aborted && epoch === this.#epoch) this.#show(this.#ledger.start(counts));
    } catch (e) {
      // Whoever does not serve this may serve the rest.
      return (e as ReddotError).status === 404 ? undefined : e;
    }
    return undefined;
  }

  async #placed(): Promise<void> {
    await 0; // A list may be asked for right after construction.
    if (!this.cursor && this.#stay && this.#o.shared !== false) await this.#confirm(this.#stay.signal);
    this.#ledger.early ||= !this.cursor;
  }

  /** Says why there is no connection. Returns when to try again, if at all. */
  #refuse(e: unknown): readonly [number, number] | undefined {
    const reason = reasonOf(e);
    if (isSignedOut(e)) {
      this.#tell({ state: "signed-out", reason });
      return SIGNED_OUT;
    }
    const stopped = (e as ReddotError).status === 403;
    this.#tell({ state: "offline", reason, ...(stopped && { stopped }) });
    return stopped ? undefined : FAILED;
  }

  #join(): void {
    const ways = this.#transports().map((t) => t.name);
    const { name } = this.#who;
    // No lock and no channel, unless the server has said whose they are.
    this.#sharing = new Sharing(this.#o.shared === false || !name ? undefined : `reddot:${name} ${ways}`, {
      snapshot: () => this.#snapshot(),
      lead: (at) => this.#lead(at),
      rest: () => {
        this.#line?.stop();
        this.#line = undefined;
      },
      tell: (s) => this.#begin(s),
      event: (e) => this.#take(e),
      status: (s) => this.#tell(s),
      wake: (now) => {
        poke();
        if (now) this.#line?.kick();
      },
      want: (all) => this.#line?.want(all),
    });
    this.#sharing.join();
    this.#want();
  }

  #lead(at: Position): void {
    const { pollEvery = 5000, upgradeAfter = 60_000 } = this.#o;
    const who = this.#who;
    this.#line?.stop();
    const line = new Line(
      {
        base: who.base,
        credentials: who.credentials,
        transports: this.#transports(),
        first: recall(who.base),
        token: (stale) => who.token(stale),
        accepted: () => who.accepted(),
        tokenLife: () => who.tokens.life,
        pollEvery,
        upgradeAfter,
        onRefused: (topics, code) => topics.forEach((t) => this.emit("refused", t, code)),
        onEvent: (e) => {
          this.#sharing?.tabs.event(e, line.ledger.position);
          this.#take(e);
        },
        onStatus: (s) => this.#hold(s),
      },
      at,
    );
    this.#line = line;
    line.start();
  }

  /** The connection of this tab says how it is. */
  #hold(s: Status): void {
    if (s.state === "live") remember(this.#who.base, s.transport!, this.#transports()[0]!.name);
    if (s.state === "signed-out") return this.#start(); // Another tab may have a better token: this one leads no more.
    if (s.stopped) void this.#who.forbidden().catch(() => {}); // Perhaps it is another's cookie now.
    this.#sharing?.tabs.status(s);
    this.#tell(s);
  }

  /** Begins again with who the user is. */
  #start(): void {
    this.#leave();
    void this.#run();
  }

  /** The user is another one: nothing of the one before stays. */
  #forget(): void {
    this.#epoch++;
    this.#ledger = new Ledger();
    this.#badge?.clear();
    this.emit("reset");
    if (this.#life) this.#start();
  }

  #want(topics = this.#topics): void {
    this.#topics = topics;
    this.#sharing?.tabs.want(document.hidden ? topics : [...topics, SEEN]);
  }

  #transports(): NamedTransport[] {
    return (this.#o.transports ?? DEFAULT).map((t) => (typeof t === "string" ? { name: t, run: BUILT_IN[t] } : t));
  }

  #snapshot(): Snapshot {
    const { position: at, told, counts } = this.#ledger;
    return { at, told, counts, status: this.#status };
  }

  /** Takes over what the leading tab knows. */
  #begin({ at, told, counts, status }: Snapshot): void {
    const { cursor: before, early } = this.#ledger;
    this.#tell(status);
    if (at.cursor === undefined) return;
    this.#ledger = new Ledger();
    this.#show(this.#ledger.begin(at, counts, told));
    // A page that comes back after a rest has missed what the others heard.
    if (before ? before !== at.cursor : early) this.emit("reset");
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
        // The connection hears for all tabs.
        if (this.#topics.some((t) => matches(t, e.topic))) this.emit("topic", e.topic, e.payload, e);
        return;
      case "hello": // News only where something was missed.
      case "counts":
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
    this.#badge?.show(this.#who.name ?? this.#who.base, counts.unread);
    this.emit("counts", counts);
  }

  #tell(status: Status): void {
    const { state } = this.#status;
    this.#status = status;
    if (status.state === state) return this.emit("status", status);
    // What was somebody's is not shown to whoever sits there now.
    if (status.state === "signed-out") this.#badge?.clear();
    this.emit("state", status.state);
    this.emit("status", status);
    if (state === "signed-out" && this.#ledger.counts) this.#show(this.#ledger.counts);
  }
}
