import assert from "node:assert/strict";
import { test } from "node:test";
import type { Counts, ServerEvent } from "../src/events.ts";
import { Ledger, type Position } from "../src/ledger.ts";
import { Tabs, type Channel, type Locks } from "../src/tabs.ts";

/** A browser: its tabs' channels and locks, and the server that its leader listens to. */
class Browser {
  tabs: Tab[] = [];
  history: ServerEvent[] = [];
  #waiting: (() => void)[] = [];
  #held = false;

  locks(tab: () => Tab): Locks {
    return {
      request: (_name, { signal }, held) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
          const grant = () => {
            if (tab().dead) return this.#next();
            this.#held = true;
            void held().then(() => {
              resolve();
              this.#next();
            });
          };
          if (this.#held) this.#waiting.push(grant);
          else queueMicrotask(grant);
          this.#held = true;
        }),
    };
  }

  #next(): void {
    this.#held = false;
    this.#waiting.shift()?.();
  }

  /** A tab that the browser kills says nothing and frees its lock; some of its last notes may not arrive everywhere. */
  kill(tab: Tab, losing: (notes: number) => number = () => 0): void {
    tab.dead = true;
    this.tabs = this.tabs.filter((t) => t !== tab);
    for (const other of this.tabs) {
      const pending = other.inbox.filter((p) => p.from === tab);
      const lost = pending.slice(pending.length - losing(pending.length));
      other.inbox = other.inbox.filter((p) => !lost.includes(p));
    }
    this.#next();
  }

  publish(): void {
    const rev = this.history.length + 1;
    const counts: Counts = { unread: rev, unseen: rev, by_category: {}, rev };
    const message = { id: "m" + rev, created_at: "", state: "unseen" as const };
    this.history.push({ type: "message", cursor: "c" + rev, counts, message });
    for (const tab of this.tabs) tab.read();
  }
}

class Tab {
  dead = false;
  /** What its channel still has to deliver. */
  inbox: { from: Tab; note: unknown }[] = [];
  /** A tab that is busy takes its notes later. */
  busy = false;
  told: string[] = [];
  ledger = new Ledger();
  tabs: Tabs;
  #line: Ledger | undefined;
  #channel: Channel;

  constructor(browser: Browser) {
    this.#channel = {
      onmessage: null,
      close: () => {},
      postMessage: (note) => {
        for (const other of browser.tabs) if (other !== this && !this.dead) other.inbox.push({ from: this, note: structuredClone(note) });
      },
    };
    this.tabs = new Tabs({
      name: "reddot",
      locks: browser.locks(() => this),
      channel: this.#channel,
      snapshot: () => ({
        at: this.ledger.position,
        told: this.ledger.told,
        counts: this.ledger.counts,
        status: { state: "live" },
      }),
      onLead: (at) => this.#lead(browser, at),
      onTell: (s) => void this.ledger.begin(s.at, s.counts, s.told),
      onEvent: (e) => this.#take(e),
      onStatus: () => {},
    });
    browser.tabs.push(this);
    this.tabs.join();
  }

  #lead(browser: Browser, at: Position): void {
    this.#line = new Ledger(at);
    const rev = browser.history.length;
    if (at.cursor === undefined) {
      const counts = { unread: rev, unseen: rev, by_category: {}, rev };
      this.#pass({ type: "counts", cursor: "c" + rev, counts });
    }
    this.read = () => {
      const from = Number(this.#line!.cursor?.slice(1) ?? rev);
      for (const e of browser.history.slice(from)) this.#pass(e);
    };
    this.read();
  }

  read = (): void => {};

  #pass(e: ServerEvent): void {
    if (this.dead) return;
    const { fresh } = this.#line!.accept(e);
    if (!fresh && e.type !== "counts") return;
    this.tabs.event(e);
    this.#take(e);
  }

  #take(e: ServerEvent): void {
    if (this.ledger.accept(e).fresh && e.type === "message") this.told.push(e.message.id);
  }

  /** Hears one note. */
  hear(): boolean {
    if (this.busy || !this.inbox.length) return false;
    this.#channel.onmessage?.({ data: this.inbox.shift()!.note });
    return true;
  }
}

/** Lets everything be delivered that can be. */
async function settle(browser: Browser): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = browser.tabs.map((t) => t.hear()).some(Boolean) ? 0 : quiet + 1;
  }
}

test("one tab leads, all hear", async () => {
  const browser = new Browser();
  const tabs = [new Tab(browser), new Tab(browser), new Tab(browser)];
  await settle(browser);
  assert.deepEqual(tabs.map((t) => t.tabs.leading), [true, false, false]);
  browser.publish();
  browser.publish();
  await settle(browser);
  for (const tab of tabs) assert.deepEqual(tab.told, ["m1", "m2"]);
});

test("a tab that comes later starts at the present", async () => {
  const browser = new Browser();
  const first = new Tab(browser);
  await settle(browser);
  browser.publish();
  const second = new Tab(browser);
  await settle(browser);
  assert.equal(second.ledger.counts?.unread, 1);
  browser.publish();
  await settle(browser);
  assert.deepEqual(first.told, ["m1", "m2"]);
  assert.deepEqual(second.told, ["m2"]);
});

test("a leader that dies hands over without loss or double", async () => {
  const browser = new Browser();
  const [first, second, third] = [new Tab(browser), new Tab(browser), new Tab(browser)];
  await settle(browser);
  browser.publish();
  await settle(browser);
  browser.kill(first);
  browser.publish();
  await settle(browser);
  assert.ok(second.tabs.leading);
  browser.publish();
  await settle(browser);
  for (const tab of [second, third]) assert.deepEqual(tab.told, ["m1", "m2", "m3"]);
});

test("notes that died with the leader are read again for the tab that lacks them", async () => {
  const browser = new Browser();
  const [first, second, third] = [new Tab(browser), new Tab(browser), new Tab(browser)];
  await settle(browser);
  third.busy = true;
  browser.publish();
  browser.publish();
  await settle(browser);
  third.inbox = [];
  browser.kill(first);
  browser.publish();
  third.busy = false;
  await settle(browser);
  browser.publish();
  await settle(browser);
  for (const tab of [second, third]) assert.deepEqual(tab.told, ["m1", "m2", "m3", "m4"]);
});

test("random deaths, births and losses: each tab is told a gapless run, once", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    let x = seed;
    const random = (n: number) => (x = (x * 48271) % 2147483647) % n;
    const browser = new Browser();
    for (let i = 0; i < 3; i++) new Tab(browser);
    await settle(browser);
    for (let step = 0; step < 25; step++) {
      switch (random(5)) {
        case 0:
          if (browser.tabs.length > 2) browser.kill(browser.tabs.find((t) => t.tabs.leading)!, (n) => random(n + 1));
          break;
        case 1:
          if (browser.tabs.length < 6) new Tab(browser);
          break;
        default:
          browser.publish();
      }
      if (random(2)) await settle(browser);
      if (!browser.tabs.some((t) => t.tabs.leading)) await settle(browser);
    }
    await settle(browser);
    browser.publish();
    await settle(browser);
    for (const tab of browser.tabs) {
      const first = Number(tab.told[0]?.slice(1));
      const run = browser.history.slice(first - 1).map((e) => "m" + e.counts!.rev);
      assert.deepEqual(tab.told, run, `seed ${seed}`);
    }
  }
});

test("without locks a tab leads itself", () => {
  let led: Position | undefined;
  const tabs = new Tabs({
    name: "",
    snapshot: () => ({ at: { rev: -1 }, told: [], status: { state: "connecting" } }),
    onLead: (at) => (led = at),
    onTell: () => {},
    onEvent: () => {},
    onStatus: () => {},
  });
  tabs.join();
  assert.deepEqual(led, { rev: -1 });
  assert.ok(tabs.leading);
});
