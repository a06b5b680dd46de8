import { sleep, watchdog } from "./clock.ts";
import { isEvent, parse, type Counts } from "./events.ts";
import { address, endOf, get, type End, type Transport } from "./transport.ts";

/** A frame that was not refused for so long is taken for open. Milliseconds. */
const SETTLED = 500;

/**
 * Browsers tell a page neither of a frame's heartbeats nor of its broken connection. So after each such silence the
 * counts are asked whether something was missed. Milliseconds.
 */
const SILENCE = 8000;

/** How long that question may take, in milliseconds. */
const PATIENCE = 6000;

/** A frame's document only grows, so it is replaced after so many events. */
const RENEW = 1000;

/**
 * Hidden iframe: the oldest way of streaming. Its document never ends, and each script in it posts one event to this
 * window. It cannot carry a header, so the token stands in the address.
 */
export const iframe: Transport = async (w) => {
  await loaded();
  const frame = document.createElement("iframe");
  const url = address(w, "/iframe", { origin: location.origin, after: w.cursor(), token: w.token });
  let left = RENEW;
  let finish: (e: End) => void;
  const ended = new Promise<End>((resolve) => (finish = resolve));
  const audit = async () => {
    const res = await get(w, address(w, "/counts"), PATIENCE, { "If-None-Match": `"${w.cursor()}"` });
    if (res.status !== 200 && res.status !== 304) return finish(endOf(res));
    const counts = res.status === 200 ? (JSON.parse(res.body) as Counts) : undefined;
    if (counts && counts.rev !== w.rev()) return finish({ next: "retry", reason: "silent", after: 0 });
    dog.pet();
    w.live();
  };
  const check = () => void audit().catch((e) => finish({ next: "retry", reason: String(e) }));
  const dog = watchdog(SILENCE, check);
  const listen = ({ source, origin, data }: globalThis.MessageEvent) => {
    if (source !== frame.contentWindow || origin !== url.origin) return;
    const event: unknown = typeof data === "string" ? parse(data) : data;
    if (!isEvent(event)) return;
    dog.pet();
    w.live();
    w.event(event);
    if (!--left) finish({ next: "retry", reason: "renewed", after: 0 });
  };
  addEventListener("message", listen);
  w.signal.addEventListener("abort", () => finish({ next: "retry", reason: "aborted" }));
  frame.hidden = true;
  frame.title = "reddot";
  // It loads for as long as it lives: loaded means that the server ended it, or refused it.
  frame.onload = () => finish({ next: "retry", reason: "ended" });
  frame.src = url.href;
  document.body.append(frame);
  try {
    // A resumed frame that missed nothing says nothing, so silence must be told from failure.
    void sleep(SETTLED, w.signal).then(() => w.cursor() !== undefined && left && check());
    return await ended;
  } finally {
    left = 0;
    dog.stop();
    removeEventListener("message", listen);
    frame.onload = null;
    frame.remove();
  }
};

/** An endless frame that starts before the page has loaded would keep it from ever being loaded. */
async function loaded(): Promise<void> {
  if (document.readyState !== "complete") await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
}
