import { onAbort, sleep, watchdog } from "./clock.ts";
import { parseEvent, type Counts } from "./events.ts";
import { address, endOf, get, init, type End, type Transport, type Wire } from "./transport.ts";

/** The server comments every 25 s at the latest; two missing comments mean a dead connection. Milliseconds. */
const SILENCE = 60_000;

/** After such a silence the counts are asked, which tells a calm server from a frozen one; and how long that may take. Milliseconds. */
const IDLE = 11_000;
const PATIENCE = 6000;

/** How much later than an answer the stream may tell the same. Milliseconds. */
const GRACE = 1000;

/** Statuses with which the topics may be refused, rather than the stream. */
const REFUSALS = [400, 403, 429];

/**
 * Server-Sent Events over fetch rather than EventSource, which hides what is needed here: the comments that show
 * life, the status and Retry-After of a refusal, and a header for the token. It is live with the first byte of its body: a
 * proxy may pass on the head and keep the rest.
 */
export const sse: Transport = async (w) => {
  const abort = new AbortController();
  const cut = () => abort.abort();
  const off = onAbort(w.signal, cut);
  let why: End = { next: "retry", reason: "silent" };
  const audit = watchdog(IDLE, () => {
    void missed(w).then(
      (end) => (end ? ((why = end), cut()) : audit.pet()),
      () => cut(),
    );
  });
  const dog = watchdog(SILENCE, cut);
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    const after = w.cursor();
    // The header rather than ?after=: it says that this is a return, which the server may end for good (204).
    if (after !== undefined) headers["Last-Event-ID"] = after;
    const url = address(w, "/stream");
    const topics = w.topics();
    for (const topic of topics) url.searchParams.append("topic", topic);
    const res = await fetch(url, { ...init(w, headers), signal: abort.signal });
    if (topics.length && REFUSALS.includes(res.status)) {
      w.refused(topics, res.status === 403 ? "forbidden" : "invalid");
      return { next: "retry", reason: "topics", after: 0 };
    }
    if (res.status !== 200) return endOf(res);
    if (!res.body) return { next: "skip", reason: "no streams" };
    const end: End = { next: "retry", reason: "ended" };
    const feed = parseStream(
      (data) => {
        const event = parseEvent(data);
        if (event) w.event(event);
      },
      (ms) => (end.base = ms),
    );
    const reader = res.body.getReader();
    const text = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return end;
      audit.pet();
      dog.pet();
      w.live();
      feed(text.decode(value, { stream: true }));
    }
  } catch (e) {
    if (abort.signal.aborted && !w.signal.aborted) return why;
    throw e;
  } finally {
    audit.stop();
    dog.stop();
    off();
    cut();
  }
};

/** Asks whether the stream keeps something back. */
async function missed(w: Wire): Promise<End | undefined> {
  const rev = w.rev();
  const { status, headers, body } = await get(w, address(w, "/counts"), PATIENCE, { "If-None-Match": `"${w.cursor()}"` });
  if (status !== 200) return status === 304 ? undefined : endOf({ status, headers });
  if ((JSON.parse(body) as Counts).rev === rev) return undefined;
  // It moved while the question was under way, perhaps: then the stream says so, too.
  await sleep(GRACE, w.signal);
  return w.rev() === rev ? { next: "skip", reason: "buffered" } : undefined;
}

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
