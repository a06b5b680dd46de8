// The demo page against a running server: REDDOT_URL=http://127.0.0.1:7777 node test/e2e.mjs [--restart] [--shots DIR]
//
// --restart prints READY-FOR-RESTART, waits for a line on stdin, while the caller kills the server and starts it again with the
// same data, and goes on; compression must be on. --shots keeps pictures of the page.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";

/**
 * How long a dot may take: short poll asks every 2 s; an iframe learns of its broken connection only after 10 s of silence; a
 * restarted server is looked for with backoff. Milliseconds.
 */
const SOON = 15_000;
const AFTER_RESTART = 60_000;

const { values: args } = parseArgs({ options: { restart: { type: "boolean" }, shots: { type: "string" } } });
const base = process.env.REDDOT_URL ?? "http://127.0.0.1:7777";
const user = process.env.REDDOT_USER ?? "e2e-" + Date.now().toString(36);
if (args.shots) mkdirSync(args.shots, { recursive: true });

async function publish(fields, to = user) {
  const res = await fetch(`${base}/v1/users/${to}/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields),
  });
  assert.equal(res.status, 201, await res.clone().text());
  return (await res.json()).id;
}

/** Waits until every pane is live and every dot of the page shows `unread`. */
async function dots(page, unread, within = SOON) {
  const started = Date.now();
  const read = () =>
    page.$$eval(".pane", (panes) =>
      panes.map((p) => ({
        transport: p.dataset.transport,
        state: p.querySelector(".state").dataset.state,
        unread: p.querySelector(".dot").dataset.unread,
      })),
    );
  for (;;) {
    const panes = await read();
    const there = panes.length && panes.every((p) => p.state === "live" && p.unread === String(unread));
    if (there && (await page.title()).startsWith(unread ? `(${unread}) ` : "Reddot")) {
      return console.log(`ok  ${panes.length} panes show ${unread} after ${Date.now() - started} ms`);
    }
    assert.ok(Date.now() - started < within, `want ${unread} everywhere, got ${JSON.stringify(panes)}, title ${await page.title()}`);
    await page.waitForTimeout(50);
  }
}

async function shot(page, name) {
  if (args.shots) await page.screenshot({ path: join(args.shots, name + ".png") });
}

async function line() {
  const input = createInterface({ input: process.stdin });
  for await (const _ of input) break;
  input.close();
}

/** Makes a client for each transport in a page, and keeps what each was told. */
function listen(name) {
  return import("/reddot.js").then(({ Reddot }) => {
    globalThis.told = {};
    for (const transport of ["poll", "longpoll", "iframe", "sse", "ws"]) {
      const client = new Reddot({ user: name, transports: [transport], badge: false, pollEvery: 200 });
      const ids = (globalThis.told[transport] = []);
      client.on("message", (m) => ids.push(m.id));
      client.on("reset", () => ids.push("reset"));
    }
  });
}

/** Watches by what the browser itself has, without our client, from a page of another origin. Runs in the page. */
function watchRaw({ base, name }) {
  const url = `${base}/v1/users/${name}`;
  const told = { sse: [], ws: [], iframe: [] };
  const raw = (globalThis.raw = { told, codes: [], gaveUp: false, opened: 0 });
  const cursors = {};
  const take = (kind, event) => {
    if (event.type === "reset") told[kind].push("reset");
    if (event.type === "message") told[kind].push(event.message.body);
    cursors[kind] = event.cursor ?? cursors[kind];
  };

  const source = new EventSource(`${url}/stream`);
  source.onopen = () => raw.opened++;
  source.onerror = () => (raw.gaveUp = source.readyState === EventSource.CLOSED);
  for (const type of ["message", "reset"]) source.addEventListener(type, (e) => take("sse", JSON.parse(e.data)));

  const connect = () => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws?after=${cursors.ws ?? ""}`, "reddot.v1");
    socket.onopen = () => (raw.extensions = socket.extensions);
    socket.onmessage = (e) => take("ws", JSON.parse(e.data));
    socket.onclose = (e) => {
      raw.codes.push(e.code);
      if (e.code < 4100) setTimeout(connect, 200);
    };
  };
  connect();

  const frame = document.body.appendChild(document.createElement("iframe"));
  addEventListener("message", (e) => e.source === frame.contentWindow && e.origin === base && take("iframe", e.data));
  // What is broken off shows by the missing beats, for which the test has no time.
  raw.reload = () => (frame.src = `${url}/iframe?origin=${location.origin}&after=${cursors.iframe ?? ""}`);
  raw.reload();
}

const ugly = ["plain", "CR \r, LF \n, CRLF \r\n.", "</script><script>parent.postMessage(1,'*')</script>", "\u2028\u2029", "<!--", '"\\', "😀".repeat(3000)];

/** Opens a page that watches by what the browser itself has. */
async function openRaw(context) {
  const name = user + "-raw";
  const want = [];
  const page = await context.newPage();
  await page.goto(`${base.replace("127.0.0.1", "localhost")}/healthz`);
  await page.evaluate(watchRaw, { base, name });
  await page.waitForTimeout(1000); // What comes before the first counts is no event.
  const shows = async (bodies, within) => {
    for (const body of bodies) await publish({ body }, name);
    want.push(...bodies);
    const started = Date.now();
    for (;;) {
      const told = await page.evaluate(() => globalThis.raw.told);
      if (Object.values(told).every((t) => t.length >= want.length)) {
        for (const [kind, t] of Object.entries(told)) assert.deepEqual(t, want, kind);
        return;
      }
      const lengths = Object.entries(told).map(([kind, t]) => `${kind} ${t.length}`);
      assert.ok(Date.now() - started < within, `want ${want.length} messages everywhere, got ${lengths}`);
      await page.waitForTimeout(50);
    }
  };
  const end = async () => {
    await fetch(`${base}/v1/users/${name}/disconnect`, { method: "POST" });
    await page.waitForFunction(() => globalThis.raw.gaveUp && globalThis.raw.codes.includes(4103), null, { timeout: SOON });
    const { codes, opened, extensions } = await page.evaluate(() => globalThis.raw);
    assert.ok(codes.indexOf(4103) === codes.length - 1, `codes ${codes}`);
    assert.match(extensions, /^permessage-deflate/, "the caller of this test has compression on");
    assert.ok(opened >= 2, "the EventSource came back by itself");
    await page.close();
    console.log("ok  EventSource, WebSocket and iframe of a page elsewhere: all in order over the restart, and told to stay away");
  };
  return { shows, end, reload: () => page.evaluate(() => globalThis.raw.reload()) };
}

/** In a tab that nobody sees the panes pause, and the bell does not. */
async function hides(page) {
  const turn = (now) =>
    page.evaluate((now) => {
      Object.defineProperty(document, "hidden", { value: now, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, now);
  const states = () => page.$$eval(".pane .state", (all) => all.map((s) => s.textContent));
  await turn(true);
  await page.waitForFunction(() => document.querySelector("#agree").textContent.startsWith("paused"));
  assert.deepEqual(new Set(await states()), new Set(["paused"]));
  const unread = Number(await page.locator("reddot-bell .dot").textContent());
  await publish({ title: "While nobody looks" });
  await page.waitForFunction((n) => document.querySelector("reddot-bell").client.counts.unread === n, unread + 1);
  await turn(false);
  await dots(page, unread + 1);
  console.log("ok  the panes pause in a hidden tab, and catch up");
}

/** A topic's messages come by WebSocket and by SSE, to the tab that wants them, also after it has asked for more. */
async function topics(context) {
  const page = await context.newPage();
  await page.goto(`${base}/healthz`);
  await page.evaluate(async (name) => {
    const { Reddot } = await import("/reddot.js");
    globalThis.told = {};
    for (const way of ["ws", "sse"]) {
      const client = new Reddot({ user: name, transports: [way], badge: false });
      const heard = (globalThis.told[way] = []);
      client.on("topic", (topic, payload) => heard.push(`${topic} ${JSON.stringify(payload)}`));
      client.subscribe(`${name}/+`);
      globalThis["off" + way] = client.subscribe(`${name}/deep/#`);
      await new Promise((resolve) => client.on("state", (s) => s === "live" && resolve()));
    }
  }, user);
  const say = (topic, body) => fetch(`${base}/v1/topics/${user}/${topic}`, { method: "POST", body });
  const both = (want) => page.waitForFunction((want) => Object.values(globalThis.told).every((t) => t.includes(want)), want, { timeout: SOON });
  const hears = async (topic, body, want) => {
    // What is said before a subscription has arrived is not heard.
    for (let tries = 0; ; tries++) {
      await say(topic, body);
      const done = await both(want).then(() => true, (e) => (tries > 3 ? Promise.reject(e) : false));
      if (done) return;
    }
  };
  await hears("lamp", '{"on":true}', `${user}/lamp {"on":true}`);
  await hears("deep/a/b", "text", `${user}/deep/a/b "text"`);
  await page.evaluate(() => (globalThis.offws(), globalThis.offsse(), Object.values(globalThis.told).forEach((t) => t.splice(0))));
  await say("deep/a/b", "gone");
  await hears("lamp", '{"on":false}', `${user}/lamp {"on":false}`);
  assert.ok(!(await page.evaluate(() => JSON.stringify(globalThis.told))).includes("gone"));
  await page.close();
  console.log("ok  topics by WebSocket and SSE: subscribed, heard, unsubscribed");
}

function crash(page) {
  const gone = page.context().newCDPSession(page).then((session) => session.send("Page.crash"));
  gone.catch(() => {}); // Nobody is left to answer.
}

/** Each listener of a tab is told each message once and in order, also when the tab that holds the connections crashes. */
async function exactlyOnce(context) {
  const name = user + "-once";
  const [first, second] = [await context.newPage(), await context.newPage()];
  for (const tab of [first, second]) {
    // Not the demo page, whose own connections would take the places of these.
    await tab.goto(`${base}/healthz`);
    await tab.evaluate(listen, name);
    await tab.waitForTimeout(2000);
  }
  const ids = [];
  for (let i = 0; i < 150; i++) {
    ids.push(await publish({ title: "Message " + i }, name));
    if (i === 75) crash(first);
  }
  const started = Date.now();
  for (;;) {
    const told = await second.evaluate(() => globalThis.told);
    if (Object.values(told).every((t) => t.length >= ids.length)) {
      for (const [transport, t] of Object.entries(told)) assert.deepEqual(t, ids, transport);
      break;
    }
    const lengths = Object.entries(told).map(([transport, t]) => `${transport} ${t.length}`);
    assert.ok(Date.now() - started < SOON, `want ${ids.length} messages everywhere, got ${lengths}`);
    await second.waitForTimeout(50);
  }
  await second.close();
  console.log(`ok  ${ids.length} messages, each told once and in order on each transport, over a crash of the tab that led`);
}

const { context, close } = await launch({ ignoreHTTPSErrors: base.startsWith("https"), viewport: { width: 1280, height: 800 } });
try {
  const page = context.pages()[0] ?? (await context.newPage());
  const errors = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  await page.goto(`${base}/?user=${user}`);
  await dots(page, 0);

  const first = await publish({ title: "Your parcel has arrived", body: "It waits for you at the front desk.", category: "order" });
  await dots(page, 1);
  for (const [title, category, priority] of [
    ["Maintenance tonight at 22:00", "system", "high"],
    ["Ada mentioned you", "social", "normal"],
  ]) {
    await publish({ title, category, priority });
  }
  await dots(page, 3);

  await page.locator('.pane[data-transport="sse"] button').click();
  await dots(page, 2);
  console.log("ok  read in the SSE pane, cleared in all");
  assert.equal(await page.locator(".pane").count(), 6);
  await page.locator('.pane[data-transport="mqtt"] button').click();
  await dots(page, 1);
  console.log("ok  read in the MQTT pane, by MQTT, cleared in all");
  await page.locator(`#inbox [data-id="${first}"] [data-act="read"]`).click();
  await dots(page, 0);
  await publish({ title: "Ada mentioned you again", category: "social" });
  await dots(page, 1);

  await page.locator("#publish button[type=submit]").click();
  await dots(page, 2);
  console.log("ok  published by the form");
  const icon = await page.locator('link[rel="icon"]').getAttribute("href");
  assert.match(icon, /^data:image\/png/, "the tab's icon has its dot");
  await shot(page, "desktop");

  // A second tab shares the connection of the first one's bell, and takes it over.
  const tab = await context.newPage();
  await tab.goto(`${base}/?user=${user}`);
  await dots(tab, 2);
  await publish({ title: "To both tabs" });
  await Promise.all([dots(page, 3), dots(tab, 3)]);
  await page.close();
  await publish({ title: "After the first tab was closed" });
  await dots(tab, 4);
  const badge = await tab.locator("reddot-bell .dot").textContent();
  assert.equal(badge, "4", "the bell of the tab that took over");
  console.log("ok  the second tab took the shared connection over");

  if (args.restart) {
    const raw = await openRaw(context);
    await raw.shows(ugly, SOON);
    console.log("READY-FOR-RESTART");
    await line();
    await dots(tab, 4, AFTER_RESTART);
    await publish({ title: "After the restart" });
    await dots(tab, 5);
    await raw.reload();
    await raw.shows(["once more", ...ugly], AFTER_RESTART);
    await raw.end();
    console.log("ok  all panes came back after the restart");
  }

  await hides(tab);

  await tab.locator("reddot-bell button.bell").click();
  await tab.locator("reddot-bell .item.unread").first().waitFor();
  await shot(tab, "bell");
  const focused = () => tab.evaluate(() => document.querySelector("reddot-bell").shadowRoot.activeElement?.className);
  await tab.keyboard.press("ArrowDown");
  assert.match(await focused(), /^item/);
  await tab.keyboard.press("Escape");
  assert.equal(await focused(), "bell", "Escape closes the inbox and goes back to the bell");
  assert.ok(await tab.locator("reddot-bell .panel").isHidden());
  await tab.setViewportSize({ width: 375, height: 800 });
  await shot(tab, "phone");
  assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the phone page scrolls sideways");
  await tab.emulateMedia({ colorScheme: "dark" });
  await shot(tab, "phone-dark");
  await tab.setViewportSize({ width: 1280, height: 800 });
  await shot(tab, "desktop-dark");
  await tab.locator("#read-all").click();
  await dots(tab, 0);
  assert.deepEqual(errors, []);
  console.log("ok  read all");
  await tab.goto("about:blank");
  await exactlyOnce(context);
  await topics(context);
} finally {
  await close();
}
