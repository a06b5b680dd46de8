// One page: its title and icon, who is signed in, its requests.
import assert from "node:assert/strict";
import { make, shows, sleep, token, until } from "./until.mjs";

const live = (s) => s?.state === "live";
const TITLE = "(2024) Annual report";

const page = (title, icons = "") => `<!doctype html>${title === undefined ? "" : `<title>${title}</title>`}${icons}<body></body>`;
const icons = () => [...document.querySelectorAll("link[rel~=icon]")].map((l) => [l.getAttribute("href"), l.getAttribute("type")]);

async function twoClients({ server, site, open }) {
  server.user("alice").publish({ title: "one" });
  server.user("bob").publish({ title: "one" });
  server.user("bob").publish({ title: "two" });
  const tab = await open(site.page(page(TITLE)));
  const url = server.url;
  await tab.evaluate(make, { name: "first", options: { url, user: "alice" } });
  await tab.evaluate(make, { name: "again", options: { url, user: "alice" } });
  await tab.evaluate(make, { name: "other", options: { url, user: "bob" } });
  await tab.evaluate(async (url) => {
    await import("/reddot-bell.js");
    for (const user of ["alice", "bob"]) document.body.append(Object.assign(document.createElement("reddot-bell"), { url, user }));
  }, url);
  const shown = () => tab.evaluate(() => document.title);
  // Alice's one is shown by three, and counts once.
  await until("the counts of both inboxes are summed", shown, (t) => t === "(3) " + TITLE);
  await tab.evaluate(() => (document.title = "Another (7) page"));
  await until("the page's own title is respected", shown, (t) => t === "(3) Another (7) page");
  await tab.evaluate(() => (document.title = "(3) (2024) Annual report"));
  await until("a title with our count that is put back is known", shown, (t) => t === "(3) " + TITLE);
  // A frozen tab would never come to its timers.
  await tab.evaluate(async () => {
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  await tab.evaluate(() => {
    for (const c of Object.values(globalThis.clients)) c.close();
    for (const b of [...document.querySelectorAll("reddot-bell")]) b.remove();
  });
  await until("the title is as it was", shown, (t) => t === TITLE);
}

async function titleAndIcons({ server, site, open }) {
  server.user("alice").publish({ title: "one" });
  const options = { url: server.url, user: "alice" };
  const two = '<link rel=icon href="/a.svg" type="image/svg+xml"><link rel="shortcut icon" href="b.png">';
  const tab = await open(site.page(page("x", two)));
  await tab.evaluate(make, { name: "c", options });
  await until("both icons have the dot", () => tab.evaluate(icons), (all) => all.length === 2 && all.every(([href]) => href.startsWith("data:image/png")));
  await tab.evaluate(() => document.querySelector("link").setAttribute("href", "/new.svg"));
  await until("the new icon has it, too", () => tab.evaluate(icons), ([[href]]) => href.startsWith("data:image/png"));
  // A request is under way when the client is closed: its answer is nobody's.
  server.control.delay = 300;
  await tab.evaluate(() => {
    const c = globalThis.clients.c;
    void c.inbox.readAll().then(() => c.inbox.unread("none")).catch(() => {});
    c.close();
  });
  await sleep(700);
  assert.deepEqual(await tab.evaluate(icons), [["/new.svg", "image/svg+xml"], ["b.png", null]]);
  assert.equal(await tab.evaluate(() => document.title), "x");

  server.control.delay = 0;
  server.user("alice").publish({ title: "two" });
  const bare = await open(site.page(page(undefined)));
  await bare.evaluate(make, { name: "c", options });
  await until("a page without a title has the count", () => bare.evaluate(() => document.title), (t) => /^\(\d\)$/.test(t));
  await bare.evaluate(() => globalThis.clients.c.close());
  assert.deepEqual(await bare.evaluate(() => [document.querySelectorAll("title").length, document.querySelectorAll("link").length]), [0, 0]);
}

async function signedOut({ server, open }) {
  const good = token("alice");
  server.control.tokens = { [good]: "alice" };
  server.user("alice").publish({ title: "one" });
  const tab = await open();
  await tab.evaluate(make, { name: "none", options: { url: server.url }, tokens: { none: null, bad: token("alice"), some: good } });
  await until("it says so", () => tab.evaluate(shows, "none"), (s) => s.state === "signed-out");
  await tab.evaluate(make, { name: "bad", options: { url: server.url }, tokens: { none: null, bad: token("alice"), some: good } });
  await until("a refused token says so", () => tab.evaluate(shows, "bad"), (s) => s.state === "signed-out");
  server.control.requests.length = 0;
  // The page goes on asking, as pages do.
  await tab.evaluate(async () => {
    for (const end = Date.now() + 5000; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
      for (const name of ["none", "bad"]) await globalThis.clients[name].inbox.list().catch(() => {});
    }
  });
  const [none, bad] = [await tab.evaluate(shows, "none"), await tab.evaluate(shows, "bad")];
  assert.ok(none.calls <= 4 && bad.calls <= 5, `token() was called ${none.calls} and ${bad.calls} times`);
  assert.ok(server.control.requests.length <= 4, `${server.control.requests.length} requests in 5 s`);
  assert.deepEqual([none.unread, none.title], [undefined, "page"]);
  await tab.evaluate((good) => {
    Object.assign(globalThis.tokens, { none: good, bad: good });
    for (const name of ["none", "bad"]) globalThis.clients[name].connect();
  }, good);
  for (const name of ["none", "bad"]) await until("signed in, it is live", () => tab.evaluate(shows, name), (s) => live(s) && s.unread === 1);
  const { calls } = await tab.evaluate(shows, "none");
  await tab.evaluate(async () => {
    for (let i = 0; i < 20; i++) await globalThis.clients.none.inbox.list();
  });
  assert.equal((await tab.evaluate(shows, "none")).calls, calls, "a good token is kept");
}

async function refusedMidway({ server, open }) {
  const [old, fresh] = [token("alice"), token("alice")];
  server.control.tokens = { [old]: "alice" };
  const tab = await open();
  await tab.evaluate(make, { name: "c", options: { url: server.url }, tokens: { c: old } });
  await until("it is live", () => tab.evaluate(shows, "c"), live);
  server.control.tokens = { [fresh]: "alice" };
  const { calls } = await tab.evaluate(shows, "c");
  await tab.evaluate(async (fresh) => {
    globalThis.tokens.c = fresh;
    await Promise.all(Array.from({ length: 10 }, () => globalThis.clients.c.inbox.list()));
  }, fresh);
  assert.equal((await tab.evaluate(shows, "c")).calls, calls + 1, "ten refused requests run token() once");
}

async function renewed({ server, open }) {
  const [short, long] = [token("alice", 12), token("alice")];
  server.control.tokens = { [short]: "alice", [long]: "alice" };
  const tab = await open();
  await tab.evaluate(make, { name: "c", options: { url: server.url }, tokens: { c: short } });
  await until("it is live", () => tab.evaluate(shows, "c"), live);
  await tab.evaluate((long) => (globalThis.tokens.c = long), long);
  await until("the token is renewed before it expires", () => tab.evaluate(shows, "c"), (s) => s.calls === 2, 12_000);
  await until("the connection has the new one", () => server.sockets.size, (n) => n === 1);
  assert.deepEqual((await tab.evaluate(shows, "c")).states, ["live"], "and was never away");
}

async function requests({ server, site, open }) {
  const id = server.user("alice").publish({ title: "one" }).id;
  server.control.tokens = { cookie: "alice" };
  const tab = await open(site.page("<!doctype html><title>c</title>", { "Set-Cookie": "reddot_token=cookie; Path=/" }));
  await tab.evaluate(make, { name: "c", options: { url: server.url, credentials: "include" } });
  await until("a cookie is enough, for `me` of another origin", () => tab.evaluate(shows, "c"), (s) => live(s) && s.unread === 1);
  server.control.delay = 500;
  await tab.evaluate((id) => {
    void globalThis.clients.c.inbox.read(id);
    location.href = "about:blank";
  }, id).catch(() => {});
  await until("the reading survived the navigation", () => server.user("alice").counts.unread, (n) => n === 0);
}

async function again({ server, open }) {
  const tab = await open();
  await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
  await until("it is live", () => tab.evaluate(shows, "c"), live);
  await tab.evaluate(() => globalThis.clients.c.close());
  await until("it is closed", () => server.sockets.size, (n) => n === 0);
  assert.equal((await tab.evaluate(shows, "c")).state, "offline");
  await tab.evaluate(() => globalThis.clients.c.connect());
  await until("connect() undoes close()", () => tab.evaluate(shows, "c"), live);
  server.user("alice").publish({ title: "one" });
  await until("its listeners still hear", () => tab.evaluate(shows, "c"), (s) => s.ids.length === 1 && s.title === "(1) page");
}

async function loadedTwice({ server, open }) {
  server.user("alice").publish({ title: "one" });
  const tab = await open();
  await tab.evaluate(async (url) => {
    for (const copy of ["/reddot.js", "/reddot.js?copy"]) {
      const { Reddot } = await import(copy);
      const c = new Reddot({ url, user: "alice" });
      (globalThis.copies ??= []).push(c);
    }
    await import("/reddot-bell.js");
    await import("/reddot-bell.js?copy");
  }, server.url);
  const shown = () => tab.evaluate(() => [document.title, globalThis.copies.map((c) => c.status.state)].flat());
  await until("two copies of the file share the title", shown, (s) => s.join() === "(1) page,live,live");
}

/** What comes between the first list and the first connection is in the list, shared or not. */
async function between({ server, site, open }) {
  for (const shared of [true, false]) {
    const name = "between-" + shared;
    const user = server.user(name);
    user.publish({ title: "one" });
    let late = true;
    server.control.refuse = (req) => {
      if (/ws/.test(req.url) && late) user.publish({ title: "two" });
      if (/ws/.test(req.url)) late = false;
      return undefined;
    };
    const tab = await open(site.page(page("list")));
    const rows = () => tab.evaluate(() => globalThis.rows);
    const ask = async ({ url, user, shared }) => {
      const { MessageList, Reddot } = await import("/reddot.js");
      const c = new Reddot({ url, user, shared });
      const list = new MessageList(c, {}, () => (globalThis.rows = list.messages.map((m) => m.title).join()));
      void list.load();
    };
    await tab.evaluate(ask, { url: server.url, user: name, shared });
    await until("both are in the list", rows, (r) => r === "two,one");
    const lists = server.control.requests.filter((r) => r.includes(name + "/messages")).length;
    if (shared) assert.equal(lists, 1, "lists asked for");
  }
}

export const client = [
  { name: "two clients, two users and two bells on one page", core: true, run: twoClients },
  { name: "the page's title and icons are its own", core: true, run: titleAndIcons },
  { name: "signed out is a state", core: true, run: signedOut },
  { name: "refused requests run token() once", core: true, run: refusedMidway },
  { name: "a token is renewed before it expires", run: renewed },
  { name: "login by cookie, and a reading that survives the page", core: true, run: requests },
  { name: "connect() after close()", core: true, run: again },
  { name: "news before the connection is in the list", core: true, run: between },
  { name: "loaded twice", core: true, run: loadedTwice },
];
