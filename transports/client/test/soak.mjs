// A page of two bells and a client, and twelve tabs, while server, leader, network and token are killed at random:
// node test/soak.mjs [--for SECONDS] [--seed N] [--calm SECONDS]
//
// In the end every tab must be live and show the right count; in a calm before, the browser must cost under 1 % of a core more than
// with as many blank tabs. --calm 0 leaves that out, for a busy machine.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";
import { hostile } from "./hostile.mjs";
import { host } from "./host.mjs";
import { serve } from "./mock.mjs";
import { sleep, token, until } from "./stories/until.mjs";

const { values: args } = parseArgs({
  options: { for: { type: "string", default: "300" }, calm: { type: "string", default: "20" }, seed: { type: "string", default: String(Date.now() % 1e6) } },
});
const seconds = Number(args.for);
let x = Number(args.seed) * 7919 + 1;
const random = (n) => (x = (x * 48271) % 2147483647) % n;

/** How long all may take to be well again, in milliseconds: a backoff, a leader's end, a slow transport. */
const HEALED = 90_000;
const TABS = 12;

const folder = mkdtempSync(join(tmpdir(), "reddot-soak-"));
const file = join(folder, "state.json");
let server = await serve({ file });
const port = Number(new URL(server.url).port);
const proxy = await hostile(server.url);
const site = await host();
const empty = site.page("<!doctype html><title>tab</title><body></body>");
const { context, close } = await launch();
let good;
const renew = () => {
  good = token("alice");
  server.control.tokens = { [good]: "alice" };
  site.page(good, {}, "/token");
};

/** Runs in a page. */
async function fill({ url, bells }) {
  const { Reddot } = await import("/reddot.js");
  const source = async () => (await fetch("/token")).text();
  globalThis.client = new Reddot({ url, token: source });
  globalThis.clients = [globalThis.client];
  if (!bells) return;
  await import("/reddot-bell.js");
  for (let i = 0; i < bells; i++) document.body.append(Object.assign(document.createElement("reddot-bell"), { url, token: source }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const bell of document.querySelectorAll("reddot-bell")) globalThis.clients.push(bell.client);
}

async function blank() {
  const page = await context.newPage();
  await page.goto(empty);
  return page;
}

async function open() {
  const page = await blank();
  await page.evaluate(fill, { url: proxy.url, bells: 0 });
  return page;
}

/** What share of a core the browser takes in a calm, this process left out. */
async function load() {
  const calm = Number(args.calm) * 1000;
  if (!calm) return 0;
  const own = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  await sleep(5000);
  const before = cpu(process.pid) - own();
  await sleep(calm);
  return (cpu(process.pid) - own() - before) / calm;
}

/** Milliseconds of CPU that a process and its descendants have used. */
function cpu(root) {
  const all = new Map();
  for (const pid of readdirSync("/proc").filter((p) => /^\d+$/.test(p))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
      all.set(Number(pid), { parent: Number(fields[1]), ms: (Number(fields[11]) + Number(fields[12])) * 10 });
    } catch {
      // It has ended meanwhile.
    }
  }
  const within = (pid) => pid === root || (all.has(pid) && all.get(pid).parent > 1 && within(all.get(pid).parent));
  return [...all].filter(([pid]) => within(pid)).reduce((sum, [, p]) => sum + p.ms, 0);
}

const shown = (page) => page.evaluate(() => globalThis.clients.map((c) => `${c.status.state} ${c.counts?.unread}`).concat(document.title));
/** By HTTP, so that the server keeps it over its end. */
async function publish() {
  const headers = { Authorization: "Bearer " + good };
  const res = await fetch(`${server.url}/v1/users/alice/messages`, { method: "POST", headers, body: '{"title":"m"}' });
  assert.equal(res.status, 201);
  published++;
}
let published = 0;
const kills = { server: 0, leader: 0, network: 0, token: 0 };
let pages = [];

const killers = {
  async server() {
    await server.close();
    await sleep(random(3000));
    server = await serve({ file, port });
    server.control.tokens = { [good]: "alice" };
  },
  /** The oldest tab is first in line for the lock. */
  async leader() {
    const [page] = pages.splice(0, 1);
    if (random(2)) await page.close();
    else void page.evaluate((ms) => { for (const end = Date.now() + ms; Date.now() < end; ); }, 6000).catch(() => {}).then(() => page.close());
    pages.push(await open());
  },
  async network() {
    proxy.mode = ["frozen", "heads"][random(2)];
    if (random(2)) proxy.cut();
    await sleep(1000 + random(9000));
    proxy.mode = "pass";
    proxy.cut();
  },
  async token() {
    renew();
    for (const socket of server.sockets) socket.close(4001, "expired");
  },
};

async function agree(why) {
  const want = `live ${published}`;
  const title = `(${published}) tab`;
  const started = Date.now();
  for (const page of [front, ...pages]) {
    const right = (s) => s.slice(0, -1).every((c) => c === want) && s.at(-1) === title;
    await until(`every tab shows ${want} ${why}`, () => shown(page), right, HEALED);
  }
  return Date.now() - started;
}

let front;
try {
  renew();
  await publish();
  front = await blank();
  for (let i = 0; i < TABS; i++) pages.push(await blank());
  const empties = await load();
  for (const page of [front, ...pages]) await page.evaluate(fill, { url: proxy.url, bells: page === front ? 2 : 0 });
  await agree("at the start");
  const used = (await load()) - empties;
  const percent = (share) => (100 * share).toFixed(2) + " % of a core";
  if (Number(args.calm)) console.log(`in between: ${percent(used)} for ${TABS + 1} tabs, beside the ${percent(empties)} of as many blank ones`);
  const names = Object.keys(killers);
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const name = names[random(names.length)];
    kills[name]++;
    await publish();
    await killers[name]();
    await publish();
    await sleep(random(4000));
  }
  await publish();
  const took = await agree(`after the kills (seed ${args.seed})`);
  console.log(`${seconds} s, seed ${args.seed}, kills: ${JSON.stringify(kills)}; after ${took} ms all show ${published}`);
  assert.ok(used < 0.01, `${percent(used)} in between`);
} finally {
  await close();
  await Promise.all([proxy.close(), site.close(), server.close()]);
  rmSync(folder, { recursive: true });
}
