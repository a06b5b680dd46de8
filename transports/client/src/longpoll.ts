import { sleep } from "./clock.ts";
import type { Counts, ServerEvent } from "./events.ts";
import { address, endOf, get, type End, type Transport, type Wire } from "./transport.ts";

/** How long the server parks a request, in seconds, and the grace of the network, in milliseconds: together, how late a frozen server shows. */
const PARK = 10;
const GRACE = 6000;

/** The pause after an early answer without news, which must not become a busy loop. Milliseconds. */
const PAUSE = 1000;

/** Long poll: one parked request after the other. */
export const longpoll: Transport = async (w) => {
  // The first answer is wanted soon: it is what shows that the way is open.
  for (let park = 1; ; park = PARK) {
    const asked = Date.now();
    const answer = await wait(w, park);
    if (answer === "none" && Date.now() - asked < park * 500) await sleep(PAUSE, w.signal);
    else if (typeof answer === "object") return answer;
  }
};

/** Asks once and hands over what came: `news`, of which there may be `more`, `none`, or the end of the connection. */
export async function wait(w: Wire, park: number): Promise<"news" | "more" | "none" | End> {
  const url = address(w, "/wait", { after: w.cursor(), timeout: park });
  const res = await get(w, url, park * 1000 + GRACE);
  if (res.status === 304) {
    w.live();
    return "none";
  }
  if (res.status !== 200) return endOf(res);
  const before = w.cursor();
  const body = JSON.parse(res.body) as { events?: ServerEvent[]; counts: Counts; cursor: string; more?: boolean };
  w.live();
  for (const e of body.events ?? []) w.event(e);
  w.event({ type: "counts", counts: body.counts, cursor: body.cursor });
  if (body.more) return "more";
  return body.events?.length || before !== w.cursor() ? "news" : "none";
}
