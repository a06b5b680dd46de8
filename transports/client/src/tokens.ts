import { backoff, sleep } from "./clock.ts";
import { signedOut } from "./errors.ts";

type Given = string | null | undefined;

/** Gives a token; nothing where nobody is signed in. `stale` is the one that was just refused. */
export type TokenSource = (stale?: string) => Promise<Given> | Given;

/** A token is renewed so long before it expires, at most, and asked for again so often, at most. Milliseconds. */
const MARGIN = 60_000;
const RARELY = 5000;

/** The waits after a source that failed, and after one that had nothing. Milliseconds. */
const FAILED = [1000, 30_000] as const;
const EMPTY = [5000, 300_000] as const;

/** How long the source may take, in milliseconds. */
const PATIENCE = 30_000;

/** What a token says. Nothing is verified: the server does that. */
export interface Claims {
  sub?: string;
  app?: string;
  /** Seconds since 1970. */
  exp?: number;
}

export function claims(token: string | undefined): Claims {
  try {
    const bytes = atob(token!.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)))) as Claims;
  } catch {
    return {};
  }
}

/**
 * Tokens keeps the token: it asks the page's source for one when it must, for all requests at once, and after failures only with
 * growing pauses, however often it is asked itself.
 */
export class Tokens {
  #source: TokenSource | undefined;
  #foreign: () => void;
  #token: string | undefined;
  #renewAt = 0;
  #expires = Infinity;
  #refused: string | undefined;
  #refusals = 0;
  #failures = 0;
  #notBefore = 0;
  #failure: unknown;
  #asking: Promise<string | undefined> | undefined;
  #owner: string | undefined;

  /** `foreign` is called when a token turns out to be another user's than the one before. */
  constructor(source?: TokenSource, foreign: () => void = () => {}) {
    this.#source = source;
    this.#foreign = foreign;
  }

  /** The token; a fresh one if `stale` was refused. Rejects where nobody is signed in (isSignedOut), or with the source's error. */
  async get(stale?: string): Promise<string | undefined> {
    if (!this.#source) {
      if (stale !== undefined) throw signedOut();
      return undefined;
    }
    if (stale && stale === this.#token) {
      this.#refused = stale;
      this.#refusals++;
      this.#token = undefined;
      // A second token in a row that is refused says that a third one would be, too.
      if (this.#refusals > 1) throw this.#fail(signedOut(), EMPTY);
    }
    if (this.#token && Date.now() < this.#renewAt) return this.#token;
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)));
  }

  /** The server took the token. */
  accepted(): void {
    this.#refusals = this.#failures = 0;
  }

  /** There is reason to think that somebody else has signed in: the next get() asks the source. */
  renew(): void {
    this.#notBefore = this.#refusals = this.#renewAt = 0;
  }

  /** Milliseconds until the token should be renewed. */
  get life(): number {
    return this.#token ? Math.max(RARELY, this.#renewAt - Date.now()) : Infinity;
  }

  async #ask(): Promise<string | undefined> {
    const now = Date.now();
    if (now < this.#notBefore) return this.#orOld(this.#failure);
    let token: Given;
    try {
      token = await patiently(this.#source!(this.#refused));
    } catch (e) {
      return this.#orOld(this.#fail(e, FAILED));
    }
    if (!token || token === this.#refused) return this.#orOld(this.#fail(signedOut(), EMPTY), !token);
    this.#keep(token);
    return token;
  }

  /** A renewal that failed leaves the token that is still good, unless nobody is signed in any more. */
  #orOld(failure: unknown, gone = false): string {
    if (gone) this.#token = undefined;
    if (this.#token && Date.now() < this.#expires) return this.#token;
    throw failure;
  }

  #fail(failure: unknown, [base, cap]: readonly [number, number]): unknown {
    // Half of the wait is certain: a source that is asked in a loop must not be called in one.
    const wait = Math.min(cap, base * 2 ** Math.min(this.#failures++, 30)) / 2;
    this.#notBefore = Date.now() + wait + backoff(0, wait, wait);
    this.#failure = failure;
    return failure;
  }

  #keep(token: string): void {
    const now = Date.now();
    const { exp, sub, app } = claims(token);
    const left = (exp ?? Infinity) * 1000 - now;
    // Expired on arrival: rather this machine's clock is wrong. The server will tell.
    this.#expires = left > 0 ? now + left : Infinity;
    this.#renewAt = left > 0 ? Math.max(now + RARELY, now + left - Math.min(MARGIN, left / 5)) : Infinity;
    this.#token = token;
    this.#refused = undefined;
    const owner = sub === undefined ? undefined : `${app ?? ""}/${sub}`;
    const changed = this.#owner !== undefined && owner !== undefined && owner !== this.#owner;
    this.#owner = owner ?? this.#owner;
    if (changed) this.#foreign();
  }
}

/** A source that never answers must not hold up everything for ever. */
function patiently(given: Promise<Given> | Given): Promise<Given> {
  const late = new AbortController();
  const never = sleep(PATIENCE, late.signal).then(() => {
    throw new Error("token() hangs");
  });
  return Promise.race([given, never]).finally(() => late.abort());
}
