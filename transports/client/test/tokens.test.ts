import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import { isSignedOut } from "../src/errors.ts";
import { claims, Tokens, type TokenSource } from "../src/tokens.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

/** A token of somebody, good for so many seconds. */
function token(sub: string, seconds?: number, app?: string): string {
  const part = (o: object) => Buffer.from(JSON.stringify(o)).toString("base64url");
  return `${part({})}.${part({ sub, app, ...(seconds !== undefined && { exp: NOW / 1000 + seconds }) })}.${Math.random()}`;
}

function tokens(t: TestContext, source: TokenSource) {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  t.after(() => mock.timers.reset());
  const asked: (string | undefined)[] = [];
  let foreign = 0;
  const kept = new Tokens((stale) => (asked.push(stale), source(stale)), () => foreign++);
  return { kept, asked, foreign: () => foreign };
}

const rejects = (p: Promise<unknown>) => assert.rejects(p, isSignedOut);

test("a token is asked for once, for all who need it, and kept", async (t) => {
  const { kept, asked } = tokens(t, async () => "opaque");
  assert.deepEqual(await Promise.all([kept.get(), kept.get(), kept.get()]), ["opaque", "opaque", "opaque"]);
  mock.timers.tick(3_600_000);
  await kept.get();
  assert.equal(asked.length, 1);
  assert.equal(kept.life, Infinity);
});

test("a token is renewed before it expires, and kept when that fails", async (t) => {
  const first = token("alice", 600);
  let next: () => string = () => first;
  const { kept, asked } = tokens(t, () => next());
  await kept.get();
  assert.equal(kept.life, 540_000);
  mock.timers.tick(539_000);
  await kept.get();
  assert.equal(asked.length, 1);
  next = () => {
    throw new Error("down");
  };
  mock.timers.tick(2000);
  assert.equal(await kept.get(), first, "it is still good");
  await kept.get();
  assert.equal(asked.length, 2, "and the source is not pressed");
  next = () => token("alice", 1200);
  mock.timers.tick(30_000);
  assert.notEqual(await kept.get(), first);
  mock.timers.tick(60_000);
});

test("a token that has expired on arrival is for the server to judge: clocks differ", async (t) => {
  const late = token("alice", -60);
  const { kept, asked } = tokens(t, () => late);
  for (let i = 0; i < 5; i++) assert.equal(await kept.get(), late);
  assert.equal(asked.length, 1);
});

test("nobody signed in: the source is asked with growing pauses, however often one asks", async (t) => {
  const { kept, asked } = tokens(t, () => undefined);
  for (let ms = 0; ms < 600_000; ms += 100) {
    await rejects(kept.get());
    mock.timers.tick(100);
  }
  assert.ok(asked.length >= 5 && asked.length <= 12, `asked ${asked.length} times in ten minutes`);
});

test("a source that fails is asked with growing pauses, and its error is told", async (t) => {
  const { kept, asked } = tokens(t, () => Promise.reject(new Error("down")));
  for (let ms = 0; ms < 60_000; ms += 100) {
    await assert.rejects(kept.get(), /down/);
    mock.timers.tick(100);
  }
  assert.ok(asked.length >= 4 && asked.length <= 12, `asked ${asked.length} times in a minute`);
});

test("a source that never answers is given up", async (t) => {
  const { kept } = tokens(t, () => new Promise(() => {}));
  const got = assert.rejects(kept.get(), /hangs/);
  await Promise.resolve();
  mock.timers.tick(30_000);
  await got;
});

test("a refusal asks once for a fresh one; a second in a row says that nobody is signed in", async (t) => {
  const all = ["a", "b", "c", "d"];
  const { kept, asked } = tokens(t, () => all[asked.length - 1]);
  assert.equal(await kept.get(), "a");
  assert.deepEqual(await Promise.all([kept.get("a"), kept.get("a"), kept.get("a")]), ["b", "b", "b"]);
  assert.deepEqual(asked, [undefined, "a"]);
  await rejects(kept.get("b"));
  await rejects(kept.get());
  assert.equal(asked.length, 2);
  kept.renew();
  assert.equal(await kept.get(), "c");
  kept.accepted();
  assert.equal(await kept.get("c"), "d", "what was accepted may be refused again");
});

test("the same token again is none", async (t) => {
  const { kept, asked } = tokens(t, () => "old");
  await kept.get();
  await rejects(kept.get("old"));
  await rejects(kept.get());
  assert.equal(asked.length, 2);
});

test("another user's token is noticed, the same user's fresh one is not", async (t) => {
  let next = token("alice");
  const { kept, foreign } = tokens(t, () => next);
  await kept.get();
  next = token("alice");
  kept.renew();
  await kept.get();
  assert.equal(foreign(), 0);
  next = token("bob");
  kept.renew();
  await kept.get();
  assert.equal(foreign(), 1);
  next = token("bob", undefined, "shop");
  kept.renew();
  await kept.get();
  assert.equal(foreign(), 2, "a bob of another app is another one");
});

test("a login by cookie has no token: a refusal is final", async () => {
  const kept = new Tokens();
  assert.equal(await kept.get(), undefined);
  await rejects(kept.get(""));
});

test("claims of what is no token are none", () => {
  for (const text of [undefined, "", "x", "a.b.c", "rk_0123"]) assert.deepEqual(claims(text), {});
  assert.equal(claims(token("grüße")).sub, "grüße");
});
