import { after, backoff, onAbort, sleep } from "./clock.ts";
import { isSignedOut } from "./errors.ts";
import type { ServerEvent } from "./events.ts";
import { Ledger, type Position } from "./ledger.ts";
import type { End, NamedTransport, Wire } from "./transport.ts";

/** `signed-out`: nobody is signed in, so nothing is tried; `connect()` tries, and so does a tab that is looked at again. */
export type ConnectionState = "connecting" | "live" | "offline" | "signed-out";

/** What is known of the connection. */
export interface Status {
  state: ConnectionState;
  /** The transport in use or being tried. */
  transport?: string | undefined;
  /** Why the last connection ended. */
  reason?: string | undefined;
  /** The server said not to come back; `connect()` tries again all the same. */
  stopped?: boolean;
}

export interface LineConfig {
  /** Best first. */
  transports: NamedTransport[];
  /** The user's address. */
  base: string;
  /** Called before each connection; `stale` is the token that was just refused. */
  token?: (stale?: string) => Promise<string | undefined>;
  /** The server took the token. */
  accepted?: () => void;
  /** Milliseconds until the token should be replaced by a fresh one. */
  tokenLife?: () => number;
  credentials?: RequestCredentials | undefined;
  pollEvery: number;
  /** The transport to begin with; the first by default. */
  first?: string | undefined;
  /** A connection that is not live by then failed; doubled twice for a slow network. Milliseconds. */
  patience?: number;
  /** The first backoff and the longest one, in milliseconds. */
  backoffBase?: number;
  backoffCap?: number;
  /** How long to stay with a lesser transport before a better one is tried again. Milliseconds; doubles with each failure. */
  upgradeAfter?: number;
  random?: () => number;
  /** The server refuses topics. */
  onRefused?: (topics: string[], code: string) => void;
  /** Each event that is new to this line. */
  onEvent: (e: ServerEvent) => void;
  onStatus: (s: Status) => void;
}

type Optional = "token" | "accepted" | "tokenLife" | "credentials" | "first" | "onRefused";

/** A proven transport is given up after so many failures in a row, an unproven one after the first. */
const PROVEN_FAILURES = 3;

/** A connection that lived so long makes up for the failures before it. Milliseconds. */
const STEADY = 10_000;

const OFFLINE = "offline";

const UPGRADE_CAP = 600_000;

/** The longest that a timer can wait, in milliseconds: 24 days. */
const FOREVER = 2 ** 31 - 1;

const PATIENCE_DOUBLES = 2;

/** One connection on one transport. */
interface Attempt {
  index: number;
  cut: AbortController;
  end: (e: End) => void;
  /** Is told which topics come and go; undefined where the transport has not asked for any. */
  want?: (added: string[], dropped: string[], visible: boolean) => unknown;
  /** Resolves to true when it works, to false when it ended before. */
  opened: Promise<boolean>;
  ended: Promise<End>;
}

/**
 * Line holds one connection to the server: it goes from transport to transport with the same cursor, comes back after
 * failures and returns to the better transport later. It knows nothing of the browser; the transports do.
 */
export class Line {
  readonly ledger: Ledger;
  #c: Required<Omit<LineConfig, Optional>> & Pick<LineConfig, Optional>;
  #life: AbortController | undefined;
  #kick = new AbortController();
  #renew = new AbortController();
  #attempts = new Set<Attempt>();
  #topics: string[] = [];
  #visible = false;
  #failures: number[] = [];
  #proven = new Set<number>();
  #round = 0;
  #refused: string | undefined;
  #used: string | undefined;

  constructor(config: LineConfig, at?: Position) {
    this.#c = { patience: 5000, backoffBase: 1000, backoffCap: 30_000, upgradeAfter: 60_000, random: Math.random, ...config };
    this.ledger = new Ledger(at);
  }

  start(): void {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#round = 0;
    void this.#run(this.#life.signal);
  }

  stop(): void {
    this.#life?.abort();
    this.#life = undefined;
  }

  /** Subscribes to these topics, and no others; SEEN says that somebody looks. */
  want(all: string[]): void {
    const topics = all.filter(Boolean);
    this.#visible = all.length > topics.length;
    const [added, dropped] = [without(topics, this.#topics), without(this.#topics, topics)];
    this.#topics = topics;
    for (const a of [...this.#attempts]) a.want?.(added, dropped, this.#visible);
  }

  /** The network is gone: what looks like a connection is none. */
  lost(): void {
    for (const a of [...this.#attempts]) a.end({ next: "retry", reason: OFFLINE });
  }

  /** Ends a backoff: there is reason to think that it works now. */
  kick(): void {
    this.#kick.abort();
  }

  /** Replaces the connection, for there is reason to think that it is dead without anybody having been told. */
  renew(): void {
    this.#kick.abort();
    this.#renew.abort();
  }

  async #run(life: AbortSignal): Promise<void> {
    const { transports, onStatus } = this.#c;
    let index = Math.max(0, transports.findIndex((t) => t.name === this.#c.first));
    let state: ConnectionState = "connecting";
    let reason: string | undefined;
    while (!life.aborted) {
      onStatus({ state, transport: transports[index]!.name, reason });
      const attempt = this.#open(index, life);
      const born = Date.now();
      const opened = await attempt.opened;
      const [end, last] = opened ? await this.#hold(attempt, life) : [await attempt.ended, index];
      if (life.aborted) return;
      reason = end.reason;
      if (end.next === "stop" || end.next === "out") {
        this.#life = undefined;
        const over: Status = end.next === "out" ? { state: "signed-out" } : { state: "offline", stopped: true };
        return onStatus({ ...over, transport: transports[last]!.name, reason });
      }
      if (opened && Date.now() - born >= STEADY) {
        this.#round = 0;
        this.#refused = undefined;
      }
      index = opened && end.next !== "skip" ? last : this.#failed(last, end);
      const wait = this.#pause(opened, index, end);
      // A lost connection that comes straight back is no outage yet; a wait after a failure is one.
      state = reason !== OFFLINE && (opened || (!wait && state === "connecting")) ? "connecting" : "offline";
      if (!wait) continue;
      onStatus({ state, transport: transports[index]!.name, reason });
      this.#kick = new AbortController();
      await sleep(wait, life, this.#kick.signal);
    }
  }

  /** Stays with a live connection until it ends; meanwhile looks for a better one, or for a fresh one. */
  async #hold(attempt: Attempt, life: AbortSignal): Promise<[End, number]> {
    let rest = this.#c.upgradeAfter;
    this.#works(attempt.index);
    for (;;) {
      const { index } = attempt;
      this.#renew = new AbortController();
      const better = index ? rest * (0.5 + this.#c.random()) : FOREVER;
      const fresh = this.#c.tokenLife?.() ?? FOREVER;
      const end = await this.#endsWithin(attempt, Math.min(better, fresh, FOREVER), life);
      if (end) return [end, index];
      const same = this.#renew.signal.aborted || fresh <= better;
      if (!same) rest = Math.min(rest * 2, UPGRADE_CAP);
      const last = same ? index : index - 1;
      // Make before break: the old connection serves until the other one does.
      for (let other = 0; other <= last; other++) {
        const probe = this.#open(other, life);
        if (!(await probe.opened)) continue;
        attempt.cut.abort();
        attempt = probe;
        this.#works(other);
        break;
      }
    }
  }

  #works(index: number): void {
    this.#proven.add(index);
    this.#failures[index] = 0;
    this.#c.onStatus({ state: "live", transport: this.#c.transports[index]!.name });
  }

  /** The end of an attempt, or undefined if it lives on after `ms` or is to be renewed. */
  async #endsWithin(attempt: Attempt, ms: number, life: AbortSignal): Promise<End | undefined> {
    const woken = new AbortController();
    const timer = sleep(ms, life, woken.signal, this.#renew.signal);
    const end = await Promise.race([attempt.ended, timer]);
    woken.abort();
    return end ?? (life.aborted ? attempt.ended : undefined);
  }

  #open(index: number, life: AbortSignal): Attempt {
    const { transports, patience, base, credentials, pollEvery } = this.#c;
    const cut = new AbortController();
    const { signal } = cut;
    const dies = () => end({ next: "retry", reason: "aborted" });
    let open!: (works: boolean) => void;
    let end!: (e: End) => void;
    const opened = new Promise<boolean>((resolve) => (open = resolve));
    const ended = new Promise<End>((resolve) => {
      end = (e) => {
        stop();
        off();
        this.#attempts.delete(attempt);
        open(false);
        resolve(e);
        cut.abort();
      };
    });
    const stop = after(patience * 2 ** Math.min(this.#round, PATIENCE_DOUBLES), () => end({ next: "retry", reason: "no answer" }));
    const attempt: Attempt = { index, cut, end, opened, ended };
    this.#attempts.add(attempt);
    const off = onAbort(life, dies);
    onAbort(signal, dies);
    const wire: Wire = {
      base,
      credentials,
      pollEvery,
      signal,
      cursor: () => this.ledger.cursor,
      rev: () => this.ledger.counts?.rev,
      topics: (changed) => {
        attempt.want = changed ?? ((added, dropped) => added.length + dropped.length && this.renew());
        changed?.(this.#topics, [], this.#visible);
        return this.#topics;
      },
      refused: (topics, code) => {
        this.#topics = without(this.#topics, topics);
        this.#c.onRefused?.(topics, code);
      },
      live: () => {
        stop();
        if (!signal.aborted) this.#c.accepted?.();
        open(!signal.aborted);
      },
      event: (e) => {
        if (signal.aborted) return;
        this.#take(e);
        if (e.type === "drain") end({ next: "retry", reason: "drained", ...(e.retry_ms && { after: e.retry_ms }) });
      },
    };
    void this.#token().then(
      (token) => {
        if (!signal.aborted) void this.#serve(transports[index]!.run, { ...wire, token }).then(end);
      },
      // Another transport would have no other token.
      (e: unknown) => {
        this.#used = undefined;
        end({ next: isSignedOut(e) ? "out" : "auth", reason: reasonOf(e) });
      },
    );
    return attempt;
  }

  async #serve(run: NamedTransport["run"], wire: Wire): Promise<End> {
    try {
      return await run(wire);
    } catch (e) {
      return { next: "retry", reason: reasonOf(e) };
    }
  }

  /** Passes on what is new; snapshots always, for their cursor may have moved alone. */
  #take(e: ServerEvent): void {
    const { fresh } = this.ledger.accept(e);
    if (fresh || e.type === "hello" || e.type === "counts") this.#c.onEvent(e);
  }

  async #token(): Promise<string | undefined> {
    this.#used = await this.#c.token?.(this.#refused);
    return this.#used;
  }

  /** Notes a failure and says which transport is next. */
  #failed(index: number, end: End): number {
    if (end.next === "auth") return index;
    const failures = (this.#failures[index] = (this.#failures[index] ?? 0) + 1);
    if (end.next === "retry" && this.#proven.has(index) && failures < PROVEN_FAILURES) return index;
    return (index + 1) % this.#c.transports.length;
  }

  /** How long to wait before the transport `next`. */
  #pause(opened: boolean, next: number, end: End): number {
    const again = this.#refused !== undefined;
    this.#refused = end.next === "auth" ? this.#used ?? "" : undefined;
    if (end.next === "auth" && !again) return 0;
    // The next transport of an unfinished round is tried at once.
    const onward = !opened && next > 0 && !this.#proven.has(next) && end.after === undefined;
    if (onward) return 0;
    const jitter = backoff(this.#round++, end.base ?? this.#c.backoffBase, this.#c.backoffCap, this.#c.random);
    return opened && end.after === 0 ? 0 : (end.after ?? 0) + jitter;
  }
}

function without(all: string[], some: string[]): string[] {
  return all.filter((s) => !some.includes(s));
}

/** What an error says of itself. */
export function reasonOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
