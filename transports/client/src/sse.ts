import { watchdog } from "./backoff.ts";
import { parseEvent } from "./events.ts";
import { address, endOf, type End, type Transport } from "./transport.ts";

/** The server comments every 25 s at the latest; two missing comments mean a dead connection. Milliseconds. */
const SILENCE = 60_000;

/**
 * Server-Sent Events over fetch rather than EventSource, which hides what is needed here: the comments that show
 * life, the status and Retry-After of a refusal, and a header for the token.
 */
export const sse: Transport = async (w) => {
  const abort = new AbortController();
  const dog = watchdog(SILENCE, () => abort.abort());
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    const after = w.cursor();
    // The header rather than ?after=: it says that this is a return, which the server may end for good (204).
    if (after !== undefined) headers["Last-Event-ID"] = after;
    if (w.token) headers.Authorization = "Bearer " + w.token;
    const res = await fetch(address(w, "/stream"), {
      headers,
      cache: "no-store",
      signal: AbortSignal.any([w.signal, abort.signal]),
    });
    if (res.status !== 200) return endOf(res);
    if (!res.body) return { next: "skip", reason: "no streams" };
    w.live();
    const end: End = { next: "retry", reason: "ended" };
    const feed = parseStream(
      (data) => {
        const event = parseEvent(data);
        if (event) w.event(event);
      },
      (ms) => (end.base = ms),
    );
    const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return end;
      dog.pet();
      feed(value);
    }
  } finally {
    dog.stop();
    abort.abort();
  }
};

/**
 * A parser of text/event-stream (WHATWG HTML, 9.2.6) that takes the text in pieces of any size. The event's name and id
 * are not read: the data repeats both.
 */
export function parseStream(data: (data: string) => void, retry: (ms: number) => void): (piece: string) => void {
  let rest = "";
  let lines: string[] = [];
  let first = true;
  return (piece) => {
    rest += piece;
    if (first && rest) {
      first = false;
      if (rest.startsWith("\uFEFF")) rest = rest.slice(1);
    }
    // A trailing CR waits: the LF of a CRLF may come with the next piece.
    for (let m; (m = /\r\n|\n|\r(?=[^])/.exec(rest)); ) {
      const line = rest.slice(0, m.index);
      rest = rest.slice(m.index + m[0].length);
      if (!line) {
        if (lines.length) data(lines.join("\n"));
        lines = [];
        continue;
      }
      const [, field, value] = /^([^:]*):? ?([^]*)$/.exec(line)!;
      if (field === "data") lines.push(value!);
      else if (field === "retry" && /^\d+$/.test(value!)) retry(Number(value));
    }
  };
}
