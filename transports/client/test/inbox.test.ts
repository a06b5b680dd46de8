import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import type { Counts } from "../src/events.ts";
import { ReddotError } from "../src/errors.ts";
import { Inbox } from "../src/inbox.ts";

interface Asked {
  method: string;
  path: string;
  body: unknown;
  key: string | undefined;
  token: string | undefined;
}

const counts: Counts = { unread: 0, unseen: 0, by_category: {}, rev: 7 };

/** An inbox before a server that gives these answers, one a request; the last one again and again. */
function inbox(t: TestContext, ...answers: (Response | Error)[]) {
  const asked: Asked[] = [];
  const shown: (Counts | undefined)[] = [];
  const stale: (string | undefined)[] = [];
  t.mock.method(globalThis, "fetch", async (url: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    asked.push({
      method: init.method!,
      path: url.replace("http://test/v1/users/alice", ""),
      body: init.body && JSON.parse(String(init.body)),
      key: headers["Idempotency-Key"],
      token: headers.Authorization,
    });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (answer instanceof Error) throw answer;
    return answer.clone();
  });
  const account = { base: "http://test/v1/users/alice", token: async (s?: string) => (stale.push(s), "t" + stale.length) };
  const box = new Inbox(account, { epoch: 0, placed: async () => {}, heed: (c) => shown.push(c) });
  return { box, asked, shown, stale };
}

const ok = (body: object = { counts }) => Response.json(body);
const refused = (status: number, code: string, headers = {}) => Response.json({ code, detail: "No." }, { status, headers });

test("follows and preferences", async (t) => {
  const prefs = { categories: { order: { sms: false } } };
  const { box, asked, shown } = inbox(t, ok(), ok(), Response.json(prefs));
  await box.follow("a/b");
  await box.unfollow("a/b");
  assert.deepEqual(await box.preferences(), prefs);
  assert.deepEqual(await box.preferences(prefs), prefs);
  assert.deepEqual(
    asked.map(({ method, path, body, key }) => [method, path, body, !!key]),
    [
      ["PUT", "/follows/a%2Fb", undefined, true],
      ["DELETE", "/follows/a%2Fb", undefined, true],
      ["GET", "/preferences", undefined, false],
      ["PUT", "/preferences", prefs, true],
    ],
  );
  assert.deepEqual(shown, [counts, counts]);
});

test("each verb has its path and body", async (t) => {
  const { box, asked, shown } = inbox(t, ok());
  await box.read("m/1");
  await box.read(["a", "b"]);
  await box.seen("a");
  await box.archive("a");
  await box.unread("a");
  await box.snooze("a", new Date(0));
  await box.readAll({ category: "order", tenant: "acme" });
  await box.seenAll();
  await box.archiveAll();
  assert.deepEqual(
    asked.map(({ method, path, body }) => [method, path, body]),
    [
      ["POST", "/messages/m%2F1/read", undefined],
      ["POST", "/read", { ids: ["a", "b"] }],
      ["POST", "/messages/a/seen", undefined],
      ["POST", "/messages/a/archive", undefined],
      ["POST", "/messages/a/unread", undefined],
      ["POST", "/messages/a/snooze", { until: "1970-01-01T00:00:00.000Z" }],
      ["POST", "/read", { all: true, category: "order", tenant: "acme" }],
      ["POST", "/seen", { all: true }],
      ["POST", "/archive", { all: true }],
    ],
  );
  assert.equal(new Set(asked.map((a) => a.key)).size, asked.length, "each change has a key of its own");
  assert.ok(shown.every((c) => c?.rev === 7) && shown.length === asked.length);
});

test("list sends what is set", async (t) => {
  const { box, asked } = inbox(t, ok({ messages: [], next: "n2" }));
  assert.deepEqual(await box.list({ category: "a b", state: "unread", limit: 5, next: "" }), { messages: [], next: "n2" });
  assert.equal(asked[0]!.path, "/messages?category=a+b&state=unread&limit=5");
  assert.equal(asked[0]!.key, undefined);
});

test("an old token is replaced once, under the same key", async (t) => {
  const { box, asked, stale } = inbox(t, refused(401, "unauthorized"), ok());
  await box.read("a");
  assert.deepEqual(stale, [undefined, "t1"]);
  assert.deepEqual(asked.map((a) => a.token), ["Bearer t1", "Bearer t2"]);
  assert.equal(asked[0]!.key, asked[1]!.key);
});

test("a token that is given again after its refusal is not sent again", async (t) => {
  t.mock.method(globalThis, "fetch", async () => refused(401, "unauthorized"));
  const box = new Inbox({ base: "http://test/v1/users/alice", token: async () => undefined }, { epoch: 0, placed: async () => {}, heed: () => {} });
  await assert.rejects(box.read("a"), (e: ReddotError) => e.code === "unauthorized");
});

test("a busy server is asked again after its Retry-After", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { box, asked } = inbox(t, refused(503, "busy", { "Retry-After": "2" }), new TypeError("network"), ok());
  const read = box.read("a");
  for (const wait of [2000, 1000]) {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    mock.timers.tick(wait);
  }
  await read;
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map((a) => a.key)).size, 1);
});

test("a refusal carries the server's code", async (t) => {
  const { box, asked } = inbox(t, refused(404, "not_found"));
  await assert.rejects(box.read("a"), (e: ReddotError) => e.code === "not_found" && e.status === 404 && e.message === "No.");
  assert.equal(asked.length, 1);
});

test("a wait that is not worth it, and a proxy's page, are errors too", async (t) => {
  const { box } = inbox(t, new Response("<html>", { status: 429, headers: { "Retry-After": "3600" } }));
  await assert.rejects(box.readAll(), (e: ReddotError) => e.code === "internal" && e.status === 429);
});

test("a tenant's messages alone are listed and marked", async (t) => {
  const { box, asked } = inbox(t, ok({ messages: [] }), ok());
  await box.list({ tenant: "acme", category: "order" });
  await box.readAll({ tenant: "acme" });
  await box.seenAll({ tenant: "acme", category: "order" });
  assert.deepEqual(
    asked.map(({ path, body }) => [path, body]),
    [
      ["/messages?tenant=acme&category=order", undefined],
      ["/read", { all: true, tenant: "acme" }],
      ["/seen", { all: true, tenant: "acme", category: "order" }],
    ],
  );
});
