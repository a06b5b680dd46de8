import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { WebSocket } from "ws";
import type { ServerEvent } from "../src/events.ts";
import { Ledger } from "../src/ledger.ts";
import { Line } from "../src/line.ts";
import { longpoll } from "../src/longpoll.ts";
import { poll } from "../src/poll.ts";
import { sse } from "../src/sse.ts";
import { retryAfter } from "../src/request.ts";
import { SEEN } from "../src/topics.ts";
import { endOfClose, type End, type Transport, type Wire } from "../src/transport.ts";
import { ws } from "../src/ws.ts";
import { serve, type Mock } from "./mock.mjs";

let mock: Mock;
let users = 0;

/** A browser tells of a failed handshake by `close` alone; ws would throw its error if nobody listened. */
class BrowserSocket extends WebSocket {
  constructor(url: URL, protocols: string[]) {
    super(url, protocols);
    this.on("error", () => {});
  }
}

before(async () => {
  globalThis.WebSocket = BrowserSocket as unknown as typeof globalThis.WebSocket;
  mock = await serve();
});
afterEach(() => (mock.control.refuse = undefined));
after(() => mock.close());

/** Runs a transport for one user and keeps what it says. */
function connect(run: Transport, user: string, ledger = new Ledger(), topics: string[] = []) {
  const cut = new AbortController();
  const told: ServerEvent[] = [];
  const refused: string[] = [];
  let tell: Parameters<Wire["topics"]>[0];
  let lives = 0;
  const wire: Wire = {
    base: `${mock.url}/v1/users/${user}`,
    token: "t0k.en",
    pollEvery: 10,
    cursor: () => ledger.cursor,
    rev: () => ledger.counts?.rev,
    topics: (changed) => {
      tell = changed;
      changed?.(topics, [], false);
      return topics;
    },
    refused: (names, code) => void refused.push(`${names} ${code}`),
    signal: cut.signal,
    live: () => void lives++,
    event: (e) => ledger.accept(e).fresh && told.push(e),
  };
  const ended: Promise<End> = run(wire).catch((e: unknown) => ({ next: "retry", reason: String(e) }));
  return { ledger, told, ended, refused, topics: (added: string[], dropped: string[]) => tell?.(added, dropped, true), live: () => lives > 0, stop: () => (cut.abort(), ended) };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const started = Date.now(); !condition(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    assert.ok(Date.now() - started < 5000, "waited in vain until " + what);
  }
}

const ids = (events: ServerEvent[]) => events.map((e) => (e.type === "message" ? e.message.id : e.type));

for (const [name, run] of Object.entries({ ws, sse, longpoll, poll })) {
  test(`${name}: counts first, then events, and after a break what was missed`, async () => {
    const name = "user" + users++;
    const user = mock.user(name);
    user.publish({ title: "before" });
    const first = connect(run, name);
    await until("it is live", first.live);
    await until("the counts came", () => first.ledger.counts?.unread === 1);
    const one = user.publish({ title: "one" }).id;
    await until("one came", () => first.told.length === 1);
    user.mark([one], "read");
    await until("its state came", () => first.told.length === 2);
    assert.deepEqual(ids(first.told), [one, "state"]);
    await first.stop();

    const [two, three] = [user.publish({ title: "two" }).id, user.publish({ title: "three" }).id];
    const second = connect(run, name, first.ledger);
    await until("the missed ones came", () => second.told.length === 2);
    assert.deepEqual(ids(second.told), [two, three]);
    await until("the counts agree", () => second.ledger.counts?.unread === 3);
    assert.equal(second.ledger.cursor, user.cursor);
    await second.stop();
  });

  test(`${name}: a foreign cursor resets`, async () => {
    const name = "user" + users++;
    mock.user(name).publish({ title: "one" });
    const c = connect(run, name, new Ledger({ cursor: "foreign-9", rev: 9 }));
    await until("the reset came", () => c.told.length > 0);
    await until("the counts came", () => c.ledger.counts?.rev === 1);
    assert.equal(c.ledger.cursor, mock.user(name).cursor);
    assert.equal(c.told.filter((e) => e.type === "reset" || e.type === "hello").length, 1);
    await c.stop();
  });

  test(`${name}: it ends when it is cut off`, async () => {
    const c = connect(run, "user" + users++);
    await until("it is live", c.live);
    assert.equal((await c.stop()).next, "retry");
  });
}

for (const [name, run] of Object.entries({ sse, longpoll, poll })) {
  for (const [status, next] of [
    [204, "stop"],
    [401, "auth"],
    [403, "stop"],
    [404, "skip"],
    [503, "retry"],
  ] as const) {
    test(`${name}: ${status} means ${next}`, async () => {
      mock.control.refuse = () => ({ status, headers: { "Retry-After": "7" } });
      const end = await connect(run, "user" + users++).ended;
      assert.equal(end.next, next);
      if (next === "retry") assert.equal(end.after, 7000);
    });
  }
}

test("sse: the header carries the cursor, for a return that may be ended by 204", async () => {
  let id: string | string[] | undefined;
  mock.control.refuse = (req) => ((id = req.headers["last-event-id"]), { status: 204 });
  const end = await connect(sse, "alice", new Ledger({ cursor: "c-1", rev: 1 })).ended;
  assert.deepEqual([id, end.next], ["c-1", "stop"]);
});

test("sse: the server's retry is the base of the backoff", async () => {
  const c = connect(sse, "user" + users++);
  await until("it is live", c.live);
  assert.equal((await c.stop()).next, "retry");
});

test("ws: a refused handshake is a failure to retry", async () => {
  mock.control.refuse = () => ({ status: 503 });
  assert.equal((await connect(ws, "user" + users++).ended).next, "retry");
});

test("ws: a topic that is subscribed to while the socket opens is sent, and so is whether somebody looks", async () => {
  mock.control.frames.length = 0;
  const nothing = () => {};
  const line = new Line({
    base: `${mock.url}/v1/users/user${users++}`,
    transports: [{ name: "ws", run: (w) => late(ws(w)) }],
    pollEvery: 10,
    onEvent: nothing,
    onStatus: nothing,
  });
  const late = <T>(connection: T) => (line.want(["late", SEEN]), connection);
  line.start();
  const came = (type: string) => mock.control.frames.filter((f) => f.type === type);
  await until("both came", () => came("subscribe").length > 0 && came("visible").length > 0);
  line.want(["late"]);
  await until("nobody looks any more", () => came("visible").length > 1);
  line.stop();
  assert.deepEqual(came("subscribe").map((f) => f.topic), ["late"]);
  assert.deepEqual(came("visible").map((f) => f.visible), [true, false]);
});

test("ws: close codes say whether to come back", async () => {
  const c = connect(ws, "user" + users++);
  await until("it is live", c.live);
  for (const socket of mock.sockets) socket.close(4109, "replaced");
  assert.deepEqual(await c.ended, { next: "stop", reason: "closed 4109 replaced" });
  const table = { 1000: "retry", 1006: "retry", 1012: "retry", 4001: "auth", 4008: "retry", 4029: "retry", 4103: "stop", 4199: "stop", 4200: "retry" };
  for (const [code, next] of Object.entries(table)) assert.equal(endOfClose(Number(code)).next, next, code);
});

test("poll: nothing new costs one conditional request", async () => {
  const name = "user" + users++;
  const c = connect(poll, name);
  await until("it is live", c.live);
  mock.control.requests.length = 0;
  await until("it asked again", () => mock.control.requests.length > 2);
  assert.ok(mock.control.requests.every((r) => r === `GET /v1/users/${name}/counts`));
  await c.stop();
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfter("3", now), 3000);
  assert.equal(retryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now), 60_000);
  assert.equal(retryAfter("Thu, 01 Jan 2025 00:00:00 GMT", now), 0);
  assert.equal(retryAfter("soon", now), undefined);
  assert.equal(retryAfter(null, now), undefined);
});
