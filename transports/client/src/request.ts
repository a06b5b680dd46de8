import { after, onAbort, sleep } from "./clock.ts";
import { ReddotError, signedOut } from "./errors.ts";
import { parse } from "./events.ts";

/** What a request needs to know of the client. */
export interface Account {
  /** The user's address. */
  base: string;
  /** Whether cookies go along to another origin. */
  credentials?: RequestCredentials | undefined;
  /** A token; a fresh one if `stale` was refused. */
  token(stale?: string): Promise<string | undefined>;
  /** The server took the token. */
  accepted?(): void;
  /** The server says that this is another's inbox. Resolves to true if the address has changed, so that a repeat makes sense. */
  forbidden?(): Promise<boolean>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

/** How often a request is tried, how long one try may take, and the longest wait for a busy server that is worth it. Milliseconds. */
const TRIES = 3;
const PATIENCE = 15_000;
const WORTH = 30_000;

/** Requests that outlive their page may have bodies of 64 KiB in all. */
const KEPT_ALIVE = 32 << 10;

/** Asks, and repeats what a busy server, the network or an old token stopped; its key keeps a change from happening twice. */
export async function ask(account: Account, method: string, path: string, body?: object): Promise<Answer> {
  const headers: Record<string, string> = {};
  const text = body && JSON.stringify(body);
  if (text) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = uniqueKey();
  const init: RequestInit = {
    method,
    headers,
    cache: "no-store",
    credentials: account.credentials ?? "same-origin",
    ...(text && { body: text }),
    // A change survives the navigation that follows it.
    keepalive: method !== "GET" && (text?.length ?? 0) < KEPT_ALIVE,
  };
  let refused: string | undefined;
  for (let left = TRIES; ; ) {
    const token = await account.token(refused);
    if (refused !== undefined && (token ?? "") === refused) throw signedOut();
    if (token) headers.Authorization = "Bearer " + token;
    const answer = await once(account.base + path, init, PATIENCE).catch((e: unknown) => {
      if (left <= 1) throw e;
    });
    if (answer && answer.status < 300) {
      account.accepted?.();
      return answer;
    }
    const wait = retryAfter(answer?.headers.get("Retry-After") ?? null, Date.now()) ?? 1000;
    refused = answer?.status === 401 ? token ?? "" : undefined;
    const moved = answer?.status === 403 && left === TRIES && (await account.forbidden?.());
    const again = !answer || refused !== undefined || moved || answer.status === 429 || answer.status === 503;
    if (!--left || !again || wait > WORTH) throw problem(answer!);
    if (refused === undefined && !moved) await sleep(wait);
  }
}

/**
 * One try, with its body: a proxy may pass on the head and keep the rest. It ends with the signal, or after `ms` milliseconds
 * without the whole of an answer. (AbortSignal.any is too young.)
 */
export async function once(url: string | URL, init: RequestInit, ms: number, signal?: AbortSignal): Promise<Answer> {
  const cut = new AbortController();
  const abort = () => cut.abort();
  const cancel = after(ms, abort);
  const off = onAbort(signal, abort);
  try {
    const res = await fetch(url, { ...init, signal: cut.signal });
    return { status: res.status, headers: res.headers, body: await res.text() };
  } finally {
    cancel();
    off();
  }
}

/** Retry-After (RFC 9110, 10.2.3) in milliseconds: seconds, or a date. */
export function retryAfter(value: string | null, now: number): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function problem({ status, body }: Answer): ReddotError {
  // Of a proxy's page the status says it all.
  const p = parse(body) as { code?: string; detail?: string; title?: string } | undefined;
  return new ReddotError(status, p?.code ?? "internal", p?.detail ?? p?.title ?? "HTTP " + status);
}

/** crypto.randomUUID is missing on plain HTTP, where crypto.getRandomValues is not. */
export function uniqueKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
