import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import type { Counts, ServerEvent } from "../src/events.ts";
import { Line, type LineConfig, type Status } from "../src/line.ts";
import type { End, NamedTransport, Wire } from "../src/transport.ts";

/** A transport that does what the test says. */
class Fake implements NamedTransport {
  /** Every connection so far. */
  wires: Wire[] = [];
  #ends: ((e: End) => void)[] = [];

  constructor(
    readonly name: string,
    /** Ends each connection at once, if set. */
    public refuse?: End,
  ) {}

  run = (w: Wire): Promise<End> => {
    this.wires.push(w);
    if (this.refuse) return Promise.resolve(this.refuse);
    return new Promise((resolve) => this.#ends.push(resolve));
  };

  get wire(): Wire {
    return this.wires.at(-1)!;
  }

  end(e: End): void {
    this.#ends.at(-1)!(e);
  }
}

const down: End = { next: "retry", reason: "down" };
const counts = (rev: number): Counts => ({ unread: rev, unseen: rev, by_category: {}, rev });
const message = (rev: number): ServerEvent => ({
  type: "message",
  cursor: "c" + rev,
  counts: counts(rev),
  message: { id: "m" + rev, created_at: "", state: "unseen" },
});

/** Lets promises settle; no clock moves. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

async function tick(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

async function start(t: TestContext, transports: Fake[], config: Partial<LineConfig> = {}) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const seen = { events: [] as ServerEvent[], states: [] as string[] };
  const line = new Line({
    base: "http://test/v1/users/alice",
    transports,
    pollEvery: 5000,
    random: () => 0.5,
    onEvent: (e) => seen.events.push(e),
    onStatus: (s: Status) => {
      const state = `${s.state} ${s.transport}${s.stopped ? " stopped" : ""}`;
      if (seen.states.at(-1) !== state) seen.states.push(state);
    },
    ...config,
  });
  t.after(() => {
    line.stop();
    mock.timers.reset();
  });
  line.start();
  await settle();
  return { line, ...seen };
}

test("the first transport that works serves", async (t) => {
  const [ws, sse] = [new Fake("ws", down), new Fake("sse")];
  const { states } = await start(t, [ws, sse]);
  assert.equal(sse.wires.length, 1, "an unproven transport is left at its first failure, without a wait");
  sse.wire.live();
  await settle();
  assert.deepEqual(states, ["connecting ws", "connecting sse", "live sse"]);
});

test("the cursor goes along, and a repeat is not told again", async (t) => {
  const [ws, sse] = [new Fake("ws"), new Fake("sse")];
  const { events } = await start(t, [ws, sse]);
  assert.equal(ws.wire.cursor(), undefined);
  ws.wire.live();
  ws.wire.event({ type: "hello", cursor: "c0", counts: counts(0) });
  ws.wire.event(message(1));
  await settle();
  const late = ws.wire;
  ws.refuse = down;
  ws.end(down);
  await settle();
  for (let i = 0; i < 60 && !sse.wires.length; i++) await tick(500);
  assert.equal(ws.wires.length, 4, "a proven transport is left after three failures");
  assert.equal(sse.wire.cursor(), "c1");
  late.event(message(9));
  sse.wire.live();
  sse.wire.event(message(1));
  sse.wire.event(message(2));
  assert.deepEqual(events.map((e) => e.cursor), ["c0", "c1", "c2"]);
});

test("a connection that says nothing is given up", async (t) => {
  const [ws, sse] = [new Fake("ws"), new Fake("sse")];
  await start(t, [ws, sse]);
  await tick(4_999);
  assert.equal(sse.wires.length, 0);
  await tick(1);
  assert.ok(ws.wire.signal.aborted);
  assert.equal(sse.wires.length, 1);
});

test("the waits between rounds double up to the cap, with full jitter", async (t) => {
  const poll = new Fake("poll", down);
  const { states } = await start(t, [poll], { random: () => 0.999999 });
  for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    const tries = poll.wires.length;
    await tick(wait - 2);
    assert.equal(poll.wires.length, tries, `not before ${wait} ms`);
    await tick(2);
    assert.equal(poll.wires.length, tries + 1, `after ${wait} ms`);
  }
  assert.deepEqual(states, ["connecting poll", "offline poll"]);
});

test("a kick ends the wait", async (t) => {
  const poll = new Fake("poll", down);
  const { line } = await start(t, [poll]);
  const tries = poll.wires.length;
  line.kick();
  await settle();
  assert.equal(poll.wires.length, tries + 1);
});

test("Retry-After is kept", async (t) => {
  const poll = new Fake("poll", { ...down, after: 7000 });
  await start(t, [poll]);
  await tick(7000);
  assert.equal(poll.wires.length, 1, "the jitter comes on top");
  await tick(500);
  assert.equal(poll.wires.length, 2);
});

test("a refused token is replaced at once, a second refusal waits", async (t) => {
  const asked: (string | undefined)[] = [];
  const ws = new Fake("ws", { next: "auth", reason: "4001" });
  await start(t, [ws], { token: async (stale) => (asked.push(stale), "t" + asked.length) });
  assert.deepEqual(asked, [undefined, "t1"]);
  assert.equal(ws.wire.token, "t2");
  await tick(499);
  assert.equal(ws.wires.length, 2);
  await tick(1);
  assert.deepEqual(asked, [undefined, "t1", "t2"]);
});

test("told to stop, it stops until it is started again", async (t) => {
  const [ws, sse] = [new Fake("ws"), new Fake("sse")];
  const { line, states } = await start(t, [ws, sse]);
  ws.wire.live();
  await settle();
  ws.end({ next: "stop", reason: "closed 4109" });
  await settle();
  await tick(600_000);
  assert.equal(ws.wires.length + sse.wires.length, 1);
  assert.deepEqual(states, ["connecting ws", "live ws", "offline ws stopped"]);
  line.start();
  await settle();
  assert.equal(ws.wires.length, 2);
});

test("a drain closes at once and comes back when the server said", async (t) => {
  const ws = new Fake("ws");
  const { states } = await start(t, [ws]);
  ws.wire.live();
  ws.wire.event({ type: "drain", retry_ms: 4000 });
  await settle();
  assert.ok(ws.wire.signal.aborted);
  await tick(4000);
  assert.equal(ws.wires.length, 1);
  await tick(500);
  assert.equal(ws.wires.length, 2);
  assert.deepEqual(states, ["connecting ws", "live ws", "connecting ws"], "a short way round is no outage");
});

test("it goes back to the better transport, which starts before the lesser one ends", async (t) => {
  const [ws, sse] = [new Fake("ws", down), new Fake("sse")];
  const { states, events } = await start(t, [ws, sse]);
  sse.wire.live();
  sse.wire.event({ type: "counts", cursor: "c0", counts: counts(0) });
  await settle();
  await tick(60_000);
  assert.equal(ws.wires.length, 2, "a probe");
  assert.ok(!sse.wire.signal.aborted, "which failed, so it stays");
  delete ws.refuse;
  await tick(119_999);
  assert.equal(ws.wires.length, 2, "the next probe takes twice as long");
  await tick(1);
  ws.wire.live();
  ws.wire.event(message(1));
  sse.wire.event(message(1));
  await settle();
  assert.ok(sse.wire.signal.aborted);
  ws.wire.event(message(2));
  assert.deepEqual(events.map((e) => e.cursor), ["c0", "c1", "c2"]);
  assert.deepEqual(states, ["connecting ws", "connecting sse", "live sse", "live ws"]);
});

test("a renewed connection starts before the old one ends, and no word is lost between", async (t) => {
  const ws = new Fake("ws");
  const { line, states, events } = await start(t, [ws]);
  ws.wire.live();
  ws.wire.event({ type: "hello", cursor: "c0", counts: counts(0) });
  await settle();
  const old = ws.wire;
  line.renew();
  await settle();
  assert.equal(ws.wires.length, 2);
  old.event(message(1));
  assert.ok(!old.signal.aborted);
  ws.wire.live();
  await settle();
  assert.ok(old.signal.aborted);
  ws.wire.event(message(1));
  ws.wire.event(message(2));
  assert.deepEqual(events.map((e) => e.cursor), ["c0", "c1", "c2"]);
  assert.deepEqual(states, ["connecting ws", "live ws"]);
});

test("a stopped line is silent", async (t) => {
  const ws = new Fake("ws");
  const { line, events, states } = await start(t, [ws]);
  ws.wire.live();
  await settle();
  line.stop();
  await settle();
  ws.wire.event(message(1));
  await tick(600_000);
  assert.deepEqual(events, []);
  assert.deepEqual(states, ["connecting ws", "live ws"]);
});

test("a transport that does not work here is skipped, one that throws is retried", async (t) => {
  const skip = new Fake("sse", { next: "skip", reason: "no streams" });
  const bad: NamedTransport = { name: "bad", run: () => Promise.reject(new Error("boom")) };
  const poll = new Fake("poll");
  const { states } = await start(t, [skip, bad as Fake, poll]);
  poll.wire.live();
  await settle();
  assert.deepEqual(states, ["connecting sse", "connecting bad", "connecting poll", "live poll"]);
});
