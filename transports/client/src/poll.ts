import { sleep } from "./clock.ts";
import type { Counts } from "./events.ts";
import { wait } from "./longpoll.ts";
import { address, endOf, get, type End, type Transport, type Wire } from "./transport.ts";

/** How long one answer may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Short poll: asks for the counts at an interval, at the price of a 304 while nothing happens. When they moved it fetches
 * the events since the cursor, so that listeners miss nothing on the slowest way either.
 */
export const poll: Transport = async (w) => {
  for (let etag: string | undefined; ; await sleep(w.pollEvery, w.signal)) {
    if (w.signal.aborted) return { next: "retry", reason: "aborted" };
    const res = await get(w, address(w, "/counts"), PATIENCE, etag ? { "If-None-Match": etag } : {});
    if (res.status !== 304) {
      if (res.status !== 200) return endOf(res);
      const counts = JSON.parse(res.body) as Counts;
      // A connection before may have shown counts without all of their events; from then on the revision tells.
      const behind = etag === undefined ? w.cursor() !== counts.cursor : w.rev() !== counts.rev;
      const answer = behind && w.cursor() !== undefined ? await catchUp(w) : "none";
      if (typeof answer === "object") return answer;
      if (answer === "none") w.event({ type: "counts", counts });
      etag = res.headers.get("ETag") ?? undefined;
    }
    w.live();
  }
};

async function catchUp(w: Wire): Promise<"news" | "none" | End> {
  for (;;) {
    const answer = await wait(w, 1);
    if (answer !== "more") return answer;
  }
}
