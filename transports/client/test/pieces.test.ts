import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../src/clock.ts";
import type { Message, ServerEvent } from "../src/events.ts";
import { parseEvent } from "../src/events.ts";
import { Emitter } from "../src/emitter.ts";
import { ago, MessageList } from "../src/list.ts";
import type { Reddot } from "../src/reddot.ts";
import { matches } from "../src/topics.ts";

test("backoff is between nothing and the doubled base, at most the cap", () => {
  assert.equal(backoff(0, 1000, 30_000, () => 0), 0);
  assert.equal(backoff(3, 1000, 30_000, () => 0.5), 4000);
  assert.equal(backoff(1000, 1000, 30_000, () => 1), 30_000);
});

test("a topic's filter is MQTT's", () => {
  for (const [filter, topic, want] of [
    ["home/lamp", "home/lamp", true],
    ["home/lamp", "home/lamp/on", false],
    ["home/+", "home/lamp", true],
    ["home/+", "home", false],
    ["home/+", "home/a/b", false],
    ["home/#", "home/a/b", true],
    ["home/#", "home", true],
    ["#", "home", true],
    ["#", "$sys/x", false],
    ["+/x", "$sys/x", false],
    ["$sys/#", "$sys/x", true],
  ] as const) {
    assert.equal(matches(filter, topic), want, `${filter} ${topic}`);
  }
});

test("only objects with a type are events", () => {
  assert.equal(parseEvent('{"type":"counts"}')?.type, "counts");
  for (const text of ["", "null", "3", "{}", '{"type":1}', '{"type":"ok","id":1}', '{"type":"error"}', "{"]) {
    assert.equal(parseEvent(text), undefined, text);
  }
});

test("how long ago", () => {
  const now = Date.parse("2026-01-02T00:00:00Z");
  const words = ["2026-01-02T00:00:01Z", "2026-01-01T23:59:30Z", "2026-01-01T23:55:00Z", "2026-01-01T21:00:00Z", "2025-12-30T00:00:00Z"];
  assert.deepEqual(words.map((w) => ago(w, now, "en")), ["now", "now", "5 min. ago", "3 hr. ago", "3 days ago"]);
});

class Client extends Emitter<{ [name: string]: unknown[] }> {
  pages: { messages: Message[]; next?: string }[] = [];
  inbox = { list: async () => this.pages.shift() ?? { messages: [] } };
  say(name: string, ...args: unknown[]): void {
    this.emit(name, ...args);
  }
}

const m = (id: string, state: Message["state"] = "unseen"): Message => ({ id, created_at: "", state });

test("a list follows the events", async () => {
  const client = new Client();
  client.pages = [{ messages: [m("c"), m("b", "read")], next: "p2" }, { messages: [m("b"), m("a")] }];
  let changes = 0;
  const list = new MessageList(client as unknown as Reddot, {}, () => changes++);
  const shown = () => list.messages.map((x) => `${x.id}:${x.state}`).join(" ");
  await list.load();
  await list.more();
  assert.equal(shown(), "c:unseen b:read a:unseen");
  assert.equal(list.next, undefined);
  client.say("message", m("d"));
  client.say("message", m("a"));
  assert.equal(shown(), "a:unseen d:unseen c:unseen b:read", "what comes again moves up");
  client.say("change", ["c", "d"], "read");
  client.say("change", ["a"], "expired");
  client.say("update", { ...m("b", "read"), title: "new" });
  client.say("retract", ["d"]);
  assert.equal(shown(), "c:read b:read");
  assert.equal(list.messages[1]!.title, "new");
  client.pages = [{ messages: [m("x")] }];
  client.say("reset");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(shown(), "x:unseen");
  list.close();
  client.say("message", m("y"));
  assert.equal(shown(), "x:unseen");
  assert.ok(changes > 6);
});

test("what happens while a list loads is not lost", async () => {
  const client = new Client();
  const answers: ((page: { messages: Message[] }) => void)[] = [];
  client.inbox.list = () => new Promise((resolve) => answers.push(resolve));
  const list = new MessageList(client as unknown as Reddot, {}, () => {});
  const loaded = list.load();
  client.say("message", m("b"));
  client.say("change", ["b"], "read");
  const again = list.load();
  client.say("message", m("c"));
  client.say("change", ["b"], "seen");
  answers[1]!({ messages: [m("b"), m("a", "read")] });
  answers[0]!({ messages: [m("a")] });
  await Promise.all([loaded, again]);
  assert.equal(list.messages.map((x) => `${x.id}:${x.state}`).join(" "), "c:unseen b:seen a:read");
});

test("a list of a tenant takes in no others' messages", async () => {
  const client = new Client();
  client.pages = [{ messages: [] }];
  const list = new MessageList(client as unknown as Reddot, { category: "c", tenant: "acme" }, () => {});
  await list.load();
  for (const other of [{ category: "c" }, { category: "c", tenant: "globex" }, { category: "d", tenant: "acme" }]) {
    client.say("message", { ...m("x"), ...other });
  }
  client.say("message", { ...m("a"), category: "c", tenant: "acme" });
  assert.deepEqual(list.messages.map((x) => x.id), ["a"]);
});

test("a listener that throws does not stop the others, and one can leave", () => {
  const reported: unknown[] = [];
  globalThis.reportError = (e) => void reported.push(e);
  const client = new Client();
  const heard: unknown[] = [];
  client.on("event", () => {
    throw new Error("mine");
  });
  const leave = client.on("event", (e) => heard.push(e));
  const event: ServerEvent = { type: "reset" };
  client.say("event", event);
  leave();
  client.say("event", event);
  assert.deepEqual(heard, [event]);
  assert.equal(reported.length, 2);
});
