import type { ServerEvent } from "./events.ts";
import { once, retryAfter, type Answer } from "./request.ts";

/** What a transport is given for one connection. */
export interface Wire {
  /** The user's address: `https://host/v1/users/alice`. */
  base: string;
  token?: string | undefined;
  /** Whether cookies go along to another origin. */
  credentials?: RequestCredentials | undefined;
  /** How often short poll asks, in milliseconds. */
  pollEvery: number;
  /** Where to resume; undefined at a first start. It moves with the events handed over. */
  cursor(): string | undefined;
  /**
   * The revision that listeners know; undefined before the first counts. Where it equals the server's, nothing was missed. The
   * cursors may still differ: they also pass over what no user sees.
   */
  rev(): number | undefined;
  /** Raised when the connection is no longer wanted. */
  signal: AbortSignal;
  /**
   * The topics to subscribe to. A transport that gives `changed` is told them at once, and then what comes and goes, and whether
   * somebody looks at one of the pages that share the connection; one that asks without is started anew when the topics change; one
   * that never asks has none.
   */
  topics(changed?: (added: string[], dropped: string[], visible: boolean) => void): string[];
  /** The server does not let the user subscribe to these. */
  refused(topics: string[], code: string): void;
  /** The connection works: something came by it. May be called again. */
  live(): void;
  event(e: ServerEvent): void;
}

/** Why a connection ended, and what to do next. */
export interface End {
  /**
   * `retry`: come back. `auth`: come back with a fresh token. `out`: nobody is signed in. `skip`: this transport does not work
   * here, take the next. `stop`: do not come back.
   */
  next: "retry" | "auth" | "out" | "skip" | "stop";
  reason: string;
  /** Not before so many milliseconds. */
  after?: number;
  /** The server's wish for the base of the backoff, in milliseconds. */
  base?: number;
}

/** One way to the server: runs a connection and resolves when it has ended. A rejection counts as `retry`. */
export type Transport = (w: Wire) => Promise<End>;

/** A transport with the name that listeners see. */
export interface NamedTransport {
  name: string;
  run: Transport;
}

/** A resource of the user, with the parameters that are set. */
export function address(w: Wire, path: string, params: Record<string, string | number | undefined> = {}): URL {
  const url = new URL(w.base + path);
  for (const [k, v] of Object.entries(params)) if (v !== undefined) url.searchParams.set(k, String(v));
  return url;
}

/** A GET, with its body, that ends with the wire's signal, or after `ms` milliseconds without the whole of an answer. */
export function get(w: Wire, url: URL, ms: number, headers: Record<string, string> = {}): Promise<Answer> {
  return once(url, init(w, headers), ms, w.signal);
}

/** What all requests of a transport have in common. */
export function init(w: Wire, headers: Record<string, string>): RequestInit {
  if (w.token) headers.Authorization = "Bearer " + w.token;
  return { headers, cache: "no-store", credentials: w.credentials ?? "same-origin" };
}

/** What an HTTP status says about coming back. */
export function endOf(res: { status: number; headers: Headers }): End {
  const reason = "HTTP " + res.status;
  switch (res.status) {
    case 204: // "Stop reconnecting" (WHATWG HTML, 9.2.3).
    case 403:
      return { next: "stop", reason };
    case 401:
      return { next: "auth", reason };
    case 404:
    case 405:
    case 406:
    case 501:
      return { next: "skip", reason };
  }
  const after = retryAfter(res.headers.get("Retry-After"), Date.now());
  return after === undefined ? { next: "retry", reason } : { next: "retry", reason, after };
}

/** What a WebSocket's close code says about coming back. */
export function endOfClose(code: number, reason = ""): End {
  const why = `closed ${code} ${reason}`.trim();
  if (code === 4001) return { next: "auth", reason: why };
  if (code >= 4100 && code < 4200) return { next: "stop", reason: why };
  return { next: "retry", reason: why };
}
