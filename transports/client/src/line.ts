import { backoff, sleep } from "./backoff.ts";
import type { ServerEvent } from "./events.ts";
import { Ledger, type Position } from "./ledger.ts";
import type { End, NamedTransport, Wire } from "./transport.ts";

export type ConnectionState = "connecting" | "live" | "offline";

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
  pollEvery: number;
  /** A connection that is not live by then failed. Milliseconds. */
  patience?: number;
  /** The first backoff and the longest one, in milliseconds. */
  backoffBase?: number;
  backoffCap?: number;
  /** How long to stay with a lesser transport before a better one is tried again. Milliseconds; doubles with each failure. */
  upgradeAfter?: number;
  random?: () => number;
  /** Each event that is new to this line. */
  onEvent: (e: ServerEvent) => void;
  onStatus: (s: Status) => void;
}

/** A proven transport is given up after so many failures in a row, an unproven one after the first. */
const PROVEN_FAILURES = 3;

/** A connection that lived so long makes up for the failures before it. Milliseconds. */
const STEADY = 10_000;

const UPGRADE_CAP = 600_000;

/** The longest that a timer can wait, in milliseconds: 24 days. */
const FOREVER = 2 ** 31 - 1;

/** One connection on one transport. */
interface Attempt {
  index: number;
  cut: AbortController;
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
  #c: Required<Omit<LineConfig, "token">> & Pick<LineConfig, "token">;
  #life: AbortController | undefined;
  #kick = new AbortController();
  #renew = new AbortController();
  #failures: number[] = [];
  #proven = new Set<number>();
  #round = 0;
  #refused: string | undefined;
  #used: string | undefined;

  constructor(config: LineConfig, at?: Position) {
    this.#c = { patience: 10_000, backoffBase: 1000, backoffCap: 30_000, upgradeAfter: 60_000, random: Math.random, ...config };
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
    let index = 0;
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
      if (end.next === "stop") {
        this.#life = undefined;
        return onStatus({ state: "offline", transport: transports[last]!.name, reason, stopped: true });
      }
      if (opened && Date.now() - born >= STEADY) {
        this.#round = 0;
        this.#refused = undefined;
      }
      index = opened ? last : this.#failed(index, end);
      const wait = this.#pause(opened, index, end);
      // A lost connection that comes straight back is no outage yet; a wait after a failure is one.
      state = opened || (!wait && state === "connecting") ? "connecting" : "offline";
      if (!wait) continue;
      onStatus({ state, transport: transports[index]!.name, reason });
      this.#kick = new AbortController();
      await sleep(wait, AbortSignal.any([life, this.#kick.signal]));
    }
  }

  /** Stays with a live connection until it ends; meanwhile looks for a better one, or for a fresh one. */
  async #hold(attempt: Attempt, life: AbortSignal): Promise<[End, number]> {
    let rest = this.#c.upgradeAfter;
    this.#works(attempt.index);
    for (;;) {
      const { index } = attempt;
      this.#renew = new AbortController();
      const end = await this.#endsWithin(attempt, index ? rest * (0.5 + this.#c.random()) : FOREVER, life);
      if (end) return [end, index];
      rest = Math.min(rest * 2, UPGRADE_CAP);
      const last = this.#renew.signal.aborted ? index : index - 1;
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
    const timer = sleep(ms, AbortSignal.any([life, woken.signal, this.#renew.signal]));
    const end = await Promise.race([attempt.ended, timer]);
    woken.abort();
    return end ?? (life.aborted ? attempt.ended : undefined);
  }

  #open(index: number, life: AbortSignal): Attempt {
    const { transports, patience, base, pollEvery } = this.#c;
    const cut = new AbortController();
    const signal = AbortSignal.any([life, cut.signal]);
    let open!: (works: boolean) => void;
    let end!: (e: End) => void;
    const opened = new Promise<boolean>((resolve) => (open = resolve));
    const ended = new Promise<End>((resolve) => {
      end = (e) => {
        clearTimeout(late);
        open(false);
        resolve(e);
        cut.abort();
      };
    });
    const late = setTimeout(() => end({ next: "retry", reason: "no answer" }), patience);
    signal.addEventListener("abort", () => end({ next: "retry", reason: "aborted" }), { once: true });
    const wire: Wire = {
      base,
      pollEvery,
      signal,
      cursor: () => this.ledger.cursor,
      rev: () => this.ledger.counts?.rev,
      live: () => {
        clearTimeout(late);
        open(!signal.aborted);
      },
      event: (e) => {
        if (signal.aborted) return;
        this.#take(e);
        if (e.type === "drain") end({ next: "retry", reason: "drained", ...(e.retry_ms && { after: e.retry_ms }) });
      },
    };
    void this.#token()
      .then((token) => (signal.aborted ? undefined : transports[index]!.run({ ...wire, token })))
      .then((e) => e && end(e))
      .catch((e: unknown) => end({ next: "retry", reason: e instanceof Error ? e.message : String(e) }));
    return { index, cut, opened, ended };
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
