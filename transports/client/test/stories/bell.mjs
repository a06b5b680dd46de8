// The bell in other people's pages.
import assert from "node:assert/strict";
import { join } from "node:path";
import { sleep, until } from "./until.mjs";

const STRICT = "default-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/** Runs in a page: adds a bell with these attributes and properties. */
async function add({ attributes = {}, properties = {}, style = "" }) {
  await import("/reddot-bell.js");
  const bell = document.createElement("reddot-bell");
  for (const [k, v] of Object.entries(attributes)) bell.setAttribute(k, v);
  Object.assign(bell, properties);
  const box = document.querySelector("#box") ?? document.body;
  bell.style.cssText = style;
  box.append(bell);
}

/** Runs in a page: what a bell shows. */
function look(index = 0) {
  const root = document.querySelectorAll("reddot-bell")[index]?.shadowRoot;
  if (!root) return undefined;
  const panel = root.querySelector(".panel");
  const box = panel.getBoundingClientRect();
  return {
    dot: root.querySelector(".dot.none") ? "" : root.querySelector(".dot").textContent,
    label: root.querySelector(".bell").getAttribute("aria-label"),
    open: !panel.hidden,
    box: [box.left, box.top, box.right, box.bottom].map(Math.round),
    screen: [document.documentElement.clientWidth, innerHeight],
    rows: [...root.querySelectorAll(".item")].map((r) => `${r.classList.contains("unread") ? "*" : ""}${r.querySelector(".title").textContent}`),
    empty: root.querySelector(".empty")?.textContent ?? "",
    note: root.querySelector(".note").hidden ? "" : root.querySelector(".note").textContent,
    head: root.querySelector("#head").textContent,
    focus: root.activeElement?.className ?? document.activeElement?.tagName,
  };
}

/** Runs in a page. */
const open = (index = 0) => document.querySelectorAll("reddot-bell")[index].open();

const page = (body = "", head = "") => `<!doctype html><html lang="en"><title>page</title><meta name="viewport" content="width=device-width"><style>body{margin:0}</style>${head}<body><main><h1>Shop</h1>${body}</main></body></html>`;

async function strict({ site, open: to }) {
  // The bell's server is the page's own here, as `default-src 'self'` wants it.
  const report = site.page(`addEventListener("securitypolicyviolation", (e) => (globalThis.faults ??= []).push(e.effectiveDirective + " " + e.blockedURI))`, {}, "/watch.js");
  const tab = await to(site.page(`<!doctype html><title>page</title><script src="${report}"></script><body></body>`, { "Content-Security-Policy": STRICT }));
  await tab.evaluate(add, { attributes: { user: "alice" } });
  await tab.evaluate(open);
  await until("it is drawn", () => tab.evaluate(look), (b) => b?.open && b.box[2] > b.box[0]);
  await sleep(500);
  const faults = await tab.evaluate(() => globalThis.faults ?? []);
  assert.deepEqual(faults, []);
}

async function states({ server, open: to }) {
  const alice = server.user("alice");
  const long = "x".repeat(300) + " " + "word ".repeat(200);
  alice.publish({ data: { a: 1 } });
  alice.publish({ data: { a: 1 }, category: "order" });
  alice.publish({ title: long, body: long });
  alice.publish({ title: "مرحبا", body: "hello" });
  for (let i = 0; i < 101; i++) alice.publish({ title: "m" + i });
  const tab = await to();
  server.control.refuse = (req) => (req.url.includes("/messages?") ? { status: 500 } : undefined);
  await tab.evaluate(add, { attributes: { url: server.url, user: "alice" } });
  await until("the dot shows at most 99", () => tab.evaluate(look), (b) => b?.dot === "99+" && b.label === "Inbox: 105 unread messages");
  // What could not be loaded comes by itself once the client is live: the button is for later.
  await until("it is live", () => tab.evaluate(() => document.querySelector("reddot-bell").client.status.state), (s) => s === "live");
  await tab.evaluate(open);
  await until("an error is told", () => tab.evaluate(look), (b) => b.empty.includes("could not be loaded"));
  server.control.refuse = undefined;
  await tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.querySelector(".retry").click());
  await until("and can be tried again", () => tab.evaluate(look), (b) => b.rows.length === 20);
  for (let i = 0; i < 5; i++) {
    await tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.querySelector(".more").click());
    await until("more comes", () => tab.evaluate(look), (b) => b.rows.length >= Math.min(105, 40 + 20 * i));
  }
  const { rows } = await tab.evaluate(look);
  assert.deepEqual(rows.slice(-2), ["*order", "*Message"], "a message of data alone has a name");
  const heights = await tab.evaluate(() => [...document.querySelector("reddot-bell").shadowRoot.querySelectorAll(".item")].map((r) => r.offsetHeight));
  assert.ok(Math.max(...heights) < 140, `a row is ${Math.max(...heights)} pixels high`);
  const dirs = await tab.evaluate(() => [...document.querySelector("reddot-bell").shadowRoot.querySelectorAll(".title")].map((t) => t.dir));
  assert.ok(dirs.every((d) => d === "auto"));
  // A change that fails says so, and one that works does not.
  server.control.refuse = (req) => (req.method === "POST" ? { status: 500 } : undefined);
  await tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.querySelector(".archive").click());
  await until("a failure is told", () => tab.evaluate(look), (b) => b.note !== "");
  server.control.refuse = undefined;
  await tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.querySelector(".archive").click());
  await until("it is archived", () => tab.evaluate(look), (b) => b.rows.length === 104 && b.note === "");
  server.control.refuse = () => ({ status: 503 });
  await tab.evaluate(() => dispatchEvent(new Event("offline")));
  await until("offline is told", () => tab.evaluate(look), (b) => b.note.startsWith("No connection"), 3000);
}

async function reactive({ server, open: to }) {
  server.user("alice").publish({ title: "one" });
  server.user("bob").publish({ title: "one" });
  server.user("bob").publish({ title: "two" });
  const tab = await to();
  await tab.evaluate(add, { attributes: { url: server.url, user: "alice" }, properties: { texts: { inbox: "Post" } } });
  await until("words are merged", () => tab.evaluate(look), (b) => b?.label === "Post: 1 unread message");
  await tab.evaluate(() => document.querySelector("reddot-bell").setAttribute("lang", "zh-CN"));
  await until("its language follows", () => tab.evaluate(look), (b) => b.label === "Post: 1 条未读消息");
  await tab.evaluate(() => Object.assign(document.querySelector("reddot-bell"), { user: "bob", texts: undefined, lang: "en" }));
  await until("it is bob's", () => tab.evaluate(look), (b) => b.dot === "2" && b.label === "Inbox: 2 unread messages");
  await tab.evaluate(() => (document.querySelector("reddot-bell").readOnOpen = true));
  await tab.evaluate(open);
  await until("opening reads", () => server.user("bob").counts.unread, (n) => n === 0);
  await until("all are read", () => tab.evaluate(look), (b) => b.dot === "" && b.rows.join() === "two,one");
  await tab.evaluate(() => document.querySelector("reddot-bell").close());
  // With a token, and then another user's; a new function each time is no new user.
  server.control.tokens = { a: "alice", b: "bob" };
  const connections = () => server.control.requests.filter((r) => r.startsWith("WS")).length;
  const before = connections() + 1;
  await tab.evaluate(() => {
    const bell = document.querySelector("reddot-bell");
    bell.removeAttribute("user");
    bell.token = () => "a";
  });
  await until("the token's user", () => tab.evaluate(look), (b) => b.dot === "1");
  await until("it is connected", connections, (n) => n === before);
  await tab.evaluate(() => {
    for (let i = 0; i < 10; i++) document.querySelector("reddot-bell").token = () => "a";
  });
  await sleep(300);
  assert.equal(connections(), before, "the connection stayed");
  // Moved within the page, it stays what it is.
  await tab.evaluate(() => document.body.prepend(document.querySelector("reddot-bell")));
  await sleep(200);
  assert.equal(connections(), before);
  server.control.tokens = {};
  await tab.evaluate(() => (document.querySelector("reddot-bell").token = undefined));
  await until("nobody is signed in", () => tab.evaluate(look), (b) => b.dot === "");
  await tab.evaluate(open);
  await until("which it says", () => tab.evaluate(look), (b) => b.empty.startsWith("Sign in"));
}

async function keys({ server, site, open: to, context }) {
  const ids = ["one", "two", "three"].map((title) => server.user("alice").publish({ title, url: "/opened" }).id);
  site.page("<!doctype html><title>opened</title>", {}, "/opened");
  const tab = await to(site.page(page("<button id=other>x</button>")));
  await tab.evaluate(add, { attributes: { url: server.url, user: "alice" } });
  await until("it is live", () => tab.evaluate(look), (b) => b?.dot === "3");
  await tab.locator("reddot-bell .bell").click();
  await until("it is open, and has the focus", () => tab.evaluate(look), (b) => b.rows.length === 3 && b.focus.startsWith("panel"));
  const focused = () => tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.activeElement?.querySelector(".title")?.textContent);
  for (const [key, want] of [["ArrowDown", "three"], ["ArrowDown", "two"], ["End", "one"], ["ArrowUp", "two"], ["Home", "three"]]) {
    await tab.keyboard.press(key);
    assert.equal(await focused(), want, key);
  }
  // A message comes while somebody reads with the keyboard.
  server.user("alice").publish({ title: "four", url: "/opened" });
  await until("it is there", () => tab.evaluate(look), (b) => b.rows.length === 4);
  assert.equal(await focused(), "three", "the focus stays");
  await tab.keyboard.press("Escape");
  assert.deepEqual(await tab.evaluate(look).then((b) => [b.open, b.focus]), [false, "bell"], "Escape closes, and the focus is back");
  await tab.keyboard.press("Enter");
  await until("Enter opens", () => tab.evaluate(look), (b) => b.open);
  await tab.evaluate(() => document.activeElement.blur());
  await tab.keyboard.press("Escape");
  assert.equal((await tab.evaluate(look)).open, false, "Escape closes wherever the focus is");
  await tab.evaluate(open);
  await tab.locator("#other").click();
  assert.equal((await tab.evaluate(look)).open, false, "a click elsewhere closes");
  // Ctrl-click opens a new tab, as with every link.
  await tab.evaluate(open);
  const opened = context.waitForEvent("page");
  await tab.locator("reddot-bell .item").first().click({ modifiers: ["Control"] });
  await (await opened).close();
  await until("and reads", () => server.user("alice").counts.unread, (n) => n === 3);
  assert.ok((await tab.evaluate(look)).open && !tab.url().includes("opened"));
  // A page's router may take over.
  await tab.evaluate(() => document.addEventListener("reddot-open", (e) => (e.preventDefault(), (globalThis.chosen = e.detail.id)), { once: true }));
  await tab.locator(`reddot-bell [data-id="${ids[2]}"]`).click();
  assert.equal(await tab.evaluate(() => globalThis.chosen), ids[2]);
  assert.ok(!tab.url().includes("opened"));
  await tab.locator(`reddot-bell [data-id="${ids[1]}"]`).click();
  await tab.waitForURL("**/opened");
  await until("the reading survives the navigation", () => server.user("alice").counts.unread, (n) => n === 1);
}

/** Runs in a page: the preferences that a bell shows. */
function prefs() {
  const form = document.querySelector("reddot-bell").shadowRoot.querySelector(".prefs");
  const [head, ...rows] = [...form.querySelectorAll("tr")].map((r) => [...r.children]);
  return {
    shown: !form.hidden,
    text: form.querySelector(".empty")?.textContent ?? "",
    columns: head?.slice(1).map((c) => c.textContent) ?? [],
    rows: rows.map((r) => r.map((c) => c.querySelector("input")?.checked ?? c.textContent)),
    quiet: [...form.querySelectorAll("[type=time]")].filter((f) => f.offsetParent).map((f) => f.value),
    mute: form.querySelector("select")?.selectedOptions[0].textContent ?? "",
  };
}

async function preferences({ server, open: to }) {
  const alice = server.user("alice");
  alice.publish({ title: "one", category: "order" });
  alice.publish({ title: "two", category: "news" });
  const kept = { tenants: { acme: { channels: { email: false } } } };
  alice.preferences = { ...kept, categories: { order: { sms: false } }, channels: { webpush: false }, quiet_hours: { from: "21:30", to: "07:00", zone: "Asia/Shanghai", days: ["mon"] } };
  const tab = await to();
  await tab.evaluate(add, { attributes: { url: server.url, user: "alice" } });
  await until("it is live", () => tab.evaluate(look), (b) => b?.dot === "2");
  await tab.evaluate(open);
  await until("its list is there", () => tab.evaluate(look), (b) => b.rows.length === 2);
  server.control.refuse = (req) => (req.url.includes("/preferences") ? { status: 500 } : undefined);
  const gear = tab.locator("reddot-bell .gear");
  await gear.focus();
  await tab.keyboard.press("Enter");
  await until("a failure is told", () => tab.evaluate(prefs), (p) => p.text.includes("could not be loaded"));
  server.control.refuse = undefined;
  await tab.locator("reddot-bell .prefs .retry").click();
  await until("they are shown", () => tab.evaluate(prefs), (p) => p.rows.length === 3);
  assert.deepEqual(await tab.evaluate(prefs), {
    shown: true,
    text: "",
    columns: ["Inbox", "Email", "SMS", "Browser"],
    rows: [["All messages", true, true, true, false], ["news", true, true, true, false], ["order", true, true, false, false]],
    quiet: ["21:30", "07:00"],
    mute: "Off",
  });
  assert.equal((await tab.evaluate(look)).head, "Preferences");
  // By keyboard, and at once.
  await tab.locator('reddot-bell [data-channel="email"]:not([data-category])').focus();
  await tab.keyboard.press("Space");
  await until("email is off for all", () => alice.preferences.channels, (c) => c.email === false);
  assert.deepEqual((await tab.evaluate(prefs)).rows.map((r) => r[2]), [false, false, false], "what says nothing of its own follows");
  await tab.locator('reddot-bell [data-category="news"][data-channel="email"]').check();
  await tab.locator("reddot-bell [name=to]").fill("06:15");
  await tab.locator("reddot-bell [name=mute]").selectOption("24");
  await until("all of it is kept", () => alice.preferences, (p) => p.muted_until);
  const { muted_until, ...rest } = alice.preferences;
  assert.ok(Math.abs(Date.parse(muted_until) - Date.now() - 86_400_000) < 60_000, muted_until);
  assert.deepEqual(rest, {
    ...kept,
    categories: { order: { sms: false }, news: { email: true } },
    channels: { webpush: false, email: false },
    quiet_hours: { from: "21:30", to: "06:15", zone: "Asia/Shanghai", days: ["mon"] },
  });
  await tab.locator("reddot-bell [name=quiet]").uncheck();
  await until("no quiet hours", () => alice.preferences, (p) => !p.quiet_hours);
  // What could not be made is told, and not shown as made.
  server.control.refuse = (req) => (req.method === "PUT" ? { status: 400 } : undefined);
  await tab.locator('reddot-bell [data-category="news"][data-channel="sms"]').uncheck();
  await until("a failure is told", () => tab.evaluate(look), (b) => b.note !== "");
  await until("and not shown", () => tab.evaluate(prefs), (p) => p.rows[1]?.[3] === true);
  server.control.refuse = undefined;
  await gear.click();
  await until("the inbox is back", () => tab.evaluate(look), (b) => b.head === "Inbox" && b.rows.length === 2);
  await gear.click();
  await until("they are shown again", () => tab.evaluate(prefs), (p) => p.mute.startsWith("Until "));
  await tab.keyboard.press("Escape");
  await tab.evaluate(open);
  assert.equal((await tab.evaluate(look)).head, "Inbox", "it opens at the inbox");
}

/** Where a bell may stand in a page. */
const CORNERS = {
  "left edge": "position:fixed;left:0;top:0",
  "right edge": "position:fixed;right:0;top:0",
  "bottom edge": "position:fixed;right:0;bottom:0",
  "bottom left": "position:fixed;left:0;bottom:0",
};

async function places({ server, site, open: to, shots }) {
  for (let i = 0; i < 30; i++) server.user("alice").publish({ title: "Message " + i, body: "It waits for you at the front desk." });
  for (const dir of ["ltr", "rtl"]) {
    for (const [name, style] of Object.entries({ ...CORNERS, "an overflow that hides": "" })) {
      const clip = name.startsWith("an") ? '<div id=box style="overflow:hidden;height:40px;width:60px;transform:translateZ(0)"></div>' : "";
      const tab = await to(site.page(page(clip)));
      await tab.evaluate((dir) => (document.documentElement.dir = dir), dir);
      await tab.evaluate(add, { attributes: { url: server.url, user: "alice" }, style });
      await tab.evaluate(open);
      await until("its list is there", () => tab.evaluate(look), (b) => b.rows.length > 0);
      const { box, screen } = await tab.evaluate(look);
      const where = `${name}, ${dir}: ${box} on ${screen}`;
      assert.ok(box[0] >= 0 && box[1] >= 0 && box[2] <= screen[0] && box[3] <= screen[1], where);
      assert.ok(box[3] - box[1] > 300 && box[2] - box[0] > 300, where);
      const seen = await tab.evaluate(([x, y]) => document.elementFromPoint(x, y)?.tagName, [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
      assert.equal(seen, "REDDOT-BELL", `${where} is covered`);
      if (shots) await tab.screenshot({ path: join(shots, `${name} ${dir}.png`.replaceAll(" ", "-")) });
      await tab.close();
    }
  }
}

async function accessible({ server, site, open: to, shots }) {
  const { readFile } = await import("node:fs/promises");
  const axe = await readFile(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  const alice = server.user("alice");
  alice.publish({ title: "Ihre Rechnung", body: "ist da", category: "billing" });
  alice.publish({ title: "Your parcel has arrived", body: "It waits for you at the front desk.", url: "/x" });
  alice.publish({ title: "رسالة جديدة", body: "وصل الطرد الخاص بك" });
  alice.publish({ title: "A very long title that goes on and on " + "and on ".repeat(60), body: "supercalifragilistic".repeat(30) });
  alice.publish({ data: { a: 1 } });
  alice.mark([alice.publish({ title: "Read already" }).id], "read");
  alice.preferences = { categories: { "a-category-with-a-rather-long-name": { sms: false }, order: {} }, quiet_hours: { from: "22:00", to: "08:00" }, muted_until: "2099-01-01T00:00:00Z" };
  const looks = [
    { name: "desktop" },
    { name: "dark", media: { colorScheme: "dark" } },
    { name: "phone", size: { width: 375, height: 720 } },
    { name: "chinese", lang: "zh-CN" },
    { name: "preferences", prefs: true },
    { name: "preferences-dark", prefs: true, media: { colorScheme: "dark" } },
    { name: "preferences-phone", prefs: true, size: { width: 320, height: 720 } },
    { name: "preferences-chinese", prefs: true, lang: "zh-CN" },
    { name: "empty", user: "nobody" },
    { name: "error", refuse: (req) => (req.url.includes("/messages?") ? { status: 500 } : undefined) },
    { name: "offline", offline: true },
    { name: "signed-out", refuse: () => ({ status: 401 }), user: "stranger" },
  ];
  for (const { name, media, size, lang = "en", user = "alice", refuse, offline, prefs: turned } of looks) {
    server.control.refuse = refuse;
    const tab = await to(site.page(page(`<style>:root{color-scheme:light dark}body{font-family:sans-serif}</style><div style="display:flex;justify-content:flex-end;padding:8px" id=box></div>`)));
    if (size) await tab.setViewportSize(size);
    await tab.emulateMedia(media ?? { colorScheme: "light" });
    await tab.evaluate((lang) => (document.documentElement.lang = lang), lang);
    await tab.evaluate(add, { attributes: { url: server.url, user } });
    await until("it knows how it stands", () => tab.evaluate(() => document.querySelector("reddot-bell").client?.status.state ?? ""), (s) => s === (name === "signed-out" ? name : "live"));
    await tab.evaluate(open);
    await until("it is drawn", () => tab.evaluate(look), (b) => b.rows.length || (b.empty && !/Loading|加载中/.test(b.empty)));
    if (offline) {
      server.control.refuse = () => ({ status: 503 });
      await tab.evaluate(() => dispatchEvent(new Event("offline")));
      await until("it says so", () => tab.evaluate(look), (b) => b.note);
    }
    if (turned) {
      await tab.locator("reddot-bell .gear").click();
      await until("its preferences are there", () => tab.evaluate(prefs), (p) => p.rows.length > 1);
    }
    await tab.evaluate(axe);
    const { violations } = await tab.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const said = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target + " " + n.failureSummary).join("; ")}`);
    assert.deepEqual(said, [], `${name}: ${said.join("\n")}`);
    if (shots) await tab.screenshot({ path: join(shots, name + ".png") });
    await tab.close();
    server.control.refuse = undefined;
  }
}

export const bell = [
  { name: "the bell under a strict policy and Trusted Types", core: true, run: strict },
  { name: "the bell loads, fails, retries, is offline", core: true, run: states },
  { name: "the bell follows its attributes and properties", core: true, run: reactive },
  { name: "the bell's preferences", run: preferences },
  { name: "the bell by keyboard and by link", run: keys },
  { name: "the bell stays on screen", run: places },
  { name: "the bell is accessible, however it looks", run: accessible },
];
