import assert from "node:assert/strict";
import { test } from "node:test";
import type { Counts, ServerEvent } from "../src/events.ts";
import { Ledger } from "../src/ledger.ts";

const counts = (rev: number, unread = rev): Counts => ({ unread, unseen: unread, by_category: {}, rev });
const message = (rev: number, id = "m" + rev): ServerEvent => ({
  type: "message",
  cursor: "c" + rev,
  counts: counts(rev),
  message: { id, created_at: "", state: "unseen" },
});

test("a first connection starts at its counts", () => {
  const l = new Ledger();
  assert.deepEqual(l.accept({ type: "counts", cursor: "c3", counts: counts(3) }), { fresh: false, counts: counts(3) });
  assert.equal(l.cursor, "c3");
  assert.equal(l.accept(message(3)).fresh, false, "what the counts include was not missed");
  assert.equal(l.accept(message(4)).fresh, true);
  assert.equal(l.cursor, "c4");
});

test("a repeat is told once, and does not move the cursor back", () => {
  const l = new Ledger();
  l.accept({ type: "hello", cursor: "c0", counts: counts(0) });
  for (const rev of [1, 2, 3]) assert.equal(l.accept(message(rev)).fresh, true);
  for (const rev of [1, 2, 3]) assert.equal(l.accept(message(rev)).fresh, false);
  assert.equal(l.cursor, "c3");
});

test("two events of one change are both told", () => {
  const l = new Ledger();
  l.accept(message(1));
  const retract: ServerEvent = { type: "retract", cursor: "c1", counts: counts(1), ids: ["m0"] };
  assert.equal(l.accept(retract).fresh, true);
  assert.equal(l.accept(retract).fresh, false);
});

test("a replay that carries the current counts is told in full", () => {
  const l = new Ledger({ cursor: "c1", rev: 1 });
  l.accept({ type: "hello", cursor: "c3", counts: counts(3), recovered: true });
  assert.equal(l.cursor, "c1", "the replay is still to come");
  assert.equal(l.accept({ ...message(2), counts: counts(3) }).fresh, true);
  assert.equal(l.accept({ ...message(3), counts: counts(3) }).fresh, true);
});

test("a replay that carries the counts of its time does not turn the dot back", () => {
  const l = new Ledger({ cursor: "c1", rev: 1 });
  assert.deepEqual(l.accept({ type: "hello", cursor: "c3", counts: counts(3), recovered: true }).counts, counts(3));
  for (const rev of [2, 3]) assert.deepEqual(l.accept(message(rev)), { fresh: true, counts: undefined });
  assert.equal(l.cursor, "c3");
});

test("a snapshot amid a replay hides nothing of it", () => {
  const l = new Ledger({ cursor: "c1", rev: 1 });
  l.accept(message(2));
  l.accept({ type: "counts", cursor: "c2", counts: counts(4) });
  assert.equal(l.accept(message(3)).fresh, true);
  assert.equal(l.accept(message(4)).fresh, true);
});

test("a reset is told once, by hello or by event, and lower revisions win again", () => {
  const l = new Ledger({ cursor: "old9", rev: 9 });
  l.heed(counts(9));
  const hello = l.accept({ type: "hello", cursor: "new1", counts: counts(1), recovered: false });
  assert.deepEqual(hello, { fresh: true, counts: counts(1) });
  assert.equal(l.accept({ type: "reset", cursor: "new1", counts: counts(1) }).fresh, false);
  assert.equal(l.accept(message(2)).fresh, true);
});

test("what was fetched before the first cursor is fetched again", () => {
  const l = new Ledger();
  l.early = true;
  assert.deepEqual(l.accept({ type: "counts", cursor: "c1", counts: counts(1) }), { fresh: true, counts: counts(1) });
  assert.equal(l.accept({ type: "counts", cursor: "c1", counts: counts(1) }).fresh, false);
});

test("counts that are asked for first are where events begin", () => {
  const l = new Ledger();
  l.start({ ...counts(1), cursor: "c1" });
  assert.equal(l.cursor, "c1");
  l.start({ ...counts(3), cursor: "c3" });
  assert.equal(l.cursor, "c1");
  assert.equal(l.accept(message(2)).fresh, true);
});

test("the answer to a request shows at once, and its event is still told", () => {
  const l = new Ledger({ cursor: "c1", rev: 1 });
  assert.deepEqual(l.heed(counts(2, 0)), counts(2, 0));
  assert.equal(l.heed(counts(1, 1)), undefined);
  const state: ServerEvent = { type: "state", cursor: "c2", counts: counts(2, 0), ids: ["m1"], state: "read" };
  assert.deepEqual(l.accept(state), { fresh: true, counts: undefined });
});

test("what lies outside the inbox leaves the cursor alone", () => {
  const l = new Ledger({ cursor: "c1", rev: 1 });
  assert.equal(l.accept({ type: "topic", topic: "t", payload: 1 }).fresh, true);
  assert.equal(l.accept({ type: "newer", cursor: "c9" } as unknown as ServerEvent).fresh, false);
  assert.equal(l.accept({ type: "drain", cursor: "c9" }).fresh, false);
  assert.equal(l.cursor, "c1");
});

test("any interleaving of repeats tells each event once, in order", () => {
  for (let seed = 1; seed <= 200; seed++) {
    let x = seed;
    const random = (n: number) => (x = (x * 48271) % 2147483647) % n;
    const l = new Ledger({ cursor: "c0", rev: 0 });
    const told: string[] = [];
    for (let reached = 0; reached < 40; ) {
      // A connection resumes somewhere at or before the cursor and brings a few events.
      const from = Math.max(0, reached - random(6));
      const upTo = Math.min(40, from + random(9));
      const atTime = random(2) === 0;
      for (let rev = from + 1; rev <= upTo; rev++) {
        const e = message(rev);
        if (!atTime) e.counts = counts(Math.max(upTo, reached));
        if (l.accept(e).fresh && e.type === "message") told.push(e.message.id);
      }
      reached = Math.max(reached, upTo);
    }
    assert.deepEqual(told, Array.from({ length: 40 }, (_, i) => "m" + (i + 1)), `seed ${seed}`);
  }
});
