// Several tabs: who leads, and whose they are.
import assert from "node:assert/strict";
import { make, shows, sleep, token, until } from "./until.mjs";

const live = (s) => s?.state === "live";

async function usersNeverMix({ server, open }) {
  const [alice, bob] = [token("alice"), token("bob")];
  server.control.tokens = { [alice]: "alice", [bob]: "bob" };
  const tabs = [await open(), await open()];
  // Both begin without a token.
  for (const tab of tabs) await tab.evaluate(make, { name: "c", options: { url: server.url }, tokens: { c: null } });
  for (const tab of tabs) await until("it is signed out", () => tab.evaluate(shows, "c"), (s) => s.state === "signed-out");
  for (const [tab, t] of [[tabs[0], alice], [tabs[1], bob]]) {
    await tab.evaluate((t) => {
      globalThis.tokens.c = t;
      globalThis.clients.c.connect();
    }, t);
  }
  for (const tab of tabs) await until("it is live", () => tab.evaluate(shows, "c"), live);
  const a = server.user("alice").publish({ title: "for alice" }).id;
  const b = server.user("bob").publish({ title: "for bob" }).id;
  await until("alice hears hers", () => tabs[0].evaluate(shows, "c"), (s) => s.ids.length > 0);
  await until("bob hears his", () => tabs[1].evaluate(shows, "c"), (s) => s.ids.length > 0);
  await sleep(300);
  assert.deepEqual((await tabs[0].evaluate(shows, "c")).ids, [a]);
  assert.deepEqual((await tabs[1].evaluate(shows, "c")).ids, [b]);
  // Bob signs in where Alice was: nothing of hers stays.
  server.user("alice").publish({ title: "two" });
  await tabs[0].evaluate(async (t) => {
    globalThis.tokens.c = t;
    await globalThis.clients.c.refresh();
  }, bob);
  await until("it is bob's now", () => tabs[0].evaluate(shows, "c"), (s) => live(s) && s.unread === 1 && s.title === "(1) page" && s.resets > 0);
  assert.equal(server.sockets.size, 1, "and shares the connection of his other tab");
}

async function cookieChanges({ server, site, open }) {
  server.control.tokens = { one: "alice", two: "bob" };
  server.user("bob").publish({ title: "for bob" });
  const tab = await open(site.page("<!doctype html><title>page</title>"));
  await tab.evaluate(() => (document.cookie = "reddot_token=one; path=/"));
  await tab.evaluate(make, { name: "c", options: { url: server.url, credentials: "include" } });
  await until("it is live", () => tab.evaluate(shows, "c"), (s) => live(s) && s.unread === 0);
  const list = await tab.evaluate(async () => {
    document.cookie = "reddot_token=two; path=/";
    return (await globalThis.clients.c.inbox.list()).messages.length;
  });
  assert.equal(list, 1, "bob's list");
  await until("and bob's count, not alice's", () => tab.evaluate(shows, "c"), (s) => live(s) && s.unread === 1 && s.resets > 0);
}

async function shares({ server, open }) {
  const tabs = [await open(), await open(), await open()];
  for (const tab of tabs) await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
  for (const tab of tabs) await until("it is live", () => tab.evaluate(shows, "c"), live);
  assert.equal(server.sockets.size, 1);
  const ids = [server.user("alice").publish({ title: "one" }).id];
  for (const tab of tabs) await until("it hears", () => tab.evaluate(shows, "c"), (s) => s.ids.length === 1);
  await tabs.shift().close();
  ids.push(server.user("alice").publish({ title: "two" }).id);
  for (const tab of tabs) await until("it hears after the leader has gone", () => tab.evaluate(shows, "c"), (s) => s.ids.length === 2);
  for (const tab of tabs) assert.deepEqual((await tab.evaluate(shows, "c")).ids, ids);
  assert.equal(server.sockets.size, 1);
}

/** What a browser may lack, each by a script that runs before the client's. */
const LACKS = {
  "no Web Locks": "Object.defineProperty(navigator, 'locks', { value: undefined })",
  "Web Locks that throw": "Object.defineProperty(navigator, 'locks', { get() { throw new DOMException('no', 'SecurityError') } })",
  "Web Locks that refuse": "navigator.locks.request = () => Promise.reject(new DOMException('no', 'SecurityError'))",
  "Web Locks that never answer": "navigator.locks.request = () => new Promise(() => {})",
  "no BroadcastChannel": "delete globalThis.BroadcastChannel",
  "a BroadcastChannel that throws": "globalThis.BroadcastChannel = class { constructor() { throw new DOMException('no', 'SecurityError') } }",
  "no AbortSignal.any and no AbortSignal.timeout": "delete AbortSignal.any; delete AbortSignal.timeout",
  "blocked storage": "Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })",
};

async function leadsAlone({ server, site, open }) {
  const pages = [];
  for (const [name, script] of Object.entries(LACKS)) {
    const tab = await open(site.page(`<!doctype html><title>page</title><script>${script}</script><body></body>`));
    await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
    pages.push([name, tab]);
  }
  for (const [name, tab] of pages) await until(`it is live with ${name}`, () => tab.evaluate(shows, "c"), live, 25_000);
  server.user("alice").publish({ title: "one" });
  for (const [name, tab] of pages) await until(`it hears with ${name}`, () => tab.evaluate(shows, "c"), (s) => s.ids.length === 1);
}

async function seen({ server, open }) {
  const tabs = [await open(), await open()];
  for (const tab of tabs) {
    await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
    await until("it is live", () => tab.evaluate(shows, "c"), live);
  }
  assert.equal(server.sockets.size, 1);
  const hide = (tab, hidden) =>
    tab.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, hidden);
  const last = () => server.control.frames.filter((f) => f.type === "visible").at(-1)?.visible;
  await until("somebody looks", last, (v) => v === true);
  await hide(tabs[0], true); // It leads.
  await sleep(300);
  assert.equal(last(), true, "the other tab is still looked at");
  await hide(tabs[1], true);
  await until("nobody looks", last, (v) => v === false);
  await hide(tabs[1], false);
  await until("somebody looks at the tab that follows", last, (v) => v === true);
  await tabs[1].close();
  await until("it is gone, and nobody looks", last, (v) => v === false);
}

async function inFrame({ server, site, open }) {
  // An opaque origin, as a sandbox makes it, has neither locks nor storage.
  const script = `import("${server.url}/reddot.js").then(({ Reddot }) => new Reddot({ url: "${server.url}", user: "alice" }).on("state", (s) => parent.postMessage(s, "*")))`;
  const inner = `<!doctype html><script type=module>${script}</script>`.replace(/"/g, "&quot;");
  const tab = await open(
    site.page(`<!doctype html><title>page</title><script>addEventListener("message", (e) => (globalThis.said = e.data))</script><iframe sandbox="allow-scripts" srcdoc="${inner}"></iframe>`),
  );
  await until("it is live in a frame without rights", () => tab.evaluate(() => globalThis.said ?? null), (s) => s === "live");
}

async function blockedLeader({ server, open }) {
  const tabs = [await open(), await open()];
  for (const tab of tabs) {
    await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
    await until("it is live", () => tab.evaluate(shows, "c"), live);
  }
  assert.equal(server.sockets.size, 1);
  // A dialog is open in the tab that leads.
  const dialog = new Promise((resolve) => tabs[0].on("dialog", resolve));
  const closed = tabs[0].evaluate(() => alert("stop"));
  const open_ = await dialog;
  const id = server.user("alice").publish({ title: "one" }).id;
  const took = await until("another tab leads", () => tabs[1].evaluate(shows, "c"), (s) => s.ids.length === 1 && live(s), 12_000);
  assert.ok(took < 10_000, `it took ${took} ms`);
  const { states } = await tabs[1].evaluate(shows, "c");
  assert.ok(states.length === 1 || states.includes("connecting"), `it said ${states}`);
  await open_.accept();
  await closed;
  await until("the old leader follows", () => tabs[0].evaluate(shows, "c"), (s) => live(s) && s.ids.length === 1);
  await until("one connection is left", () => server.sockets.size, (n) => n === 1);
  for (const tab of tabs) assert.deepEqual((await tab.evaluate(shows, "c")).ids, [id]);
}

export const tabs = [
  { name: "users never mix", core: true, run: usersNeverMix },
  { name: "another's cookie starts anew", core: true, run: cookieChanges },
  { name: "tabs share one connection, and hand it over", core: true, run: shares },
  { name: "the connection of all is seen while one of them is", core: true, run: seen },
  { name: "it leads alone when it must", core: true, run: leadsAlone },
  { name: "in a frame without rights", core: true, run: inFrame },
  { name: "a leader with an open dialog is replaced", run: blockedLeader },
];
