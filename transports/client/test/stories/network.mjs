// Hostile proxies, a lost network, a frozen server.
import assert from "node:assert/strict";
import { hostile } from "../hostile.mjs";
import { make, shows, until } from "./until.mjs";

const live = (s) => s?.state === "live";

async function buffered({ server, site, open }) {
  const proxy = await hostile(server.url);
  try {
    proxy.mode = "heads";
    const name = site.page("<!doctype html><title>page</title>");
    const tab = await open(name);
    await tab.evaluate(make, { name: "c", options: { url: proxy.url, user: "alice" } });
    const took = await until("long poll serves", () => tab.evaluate(shows, "c"), (s) => live(s) && s.transport === "longpoll", 20_000);
    assert.ok(took < 12_000, `it took ${took} ms`);
    assert.deepEqual((await tab.evaluate(shows, "c")).states, ["live"], "it never said live for the stream without a byte");
    server.user("alice").publish({ title: "one" });
    await until("it hears", () => tab.evaluate(shows, "c"), (s) => s.ids.length === 1);
    // The next page of this browser knows.
    await tab.goto(name);
    proxy.requests.length = 0;
    await tab.evaluate(make, { name: "c", options: { url: proxy.url, user: "alice" } });
    const again = await until("it is live", () => tab.evaluate(shows, "c"), live);
    assert.ok(again < 4000, `it took ${again} ms again`);
    assert.ok(!proxy.requests.some((r) => r.includes("/stream")), "the stream was not tried again");
  } finally {
    await proxy.close();
  }
}

async function policy({ server, site, open }) {
  // WebSockets are not among what the page allows: there is an error, and no close.
  const csp = `default-src 'self' 'unsafe-inline'; connect-src 'self' ${server.url}`;
  const tab = await open(site.page("<!doctype html><title>page</title>", { "Content-Security-Policy": csp }));
  await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
  const took = await until("the stream serves", () => tab.evaluate(shows, "c"), (s) => live(s) && s.transport === "sse");
  assert.ok(took < 3000, `it took ${took} ms`);
}

async function offline({ server, open }) {
  const tab = await open();
  await tab.evaluate(make, { name: "c", options: { url: server.url, user: "alice" } });
  await until("it is live", () => tab.evaluate(shows, "c"), live);
  server.control.refuse = () => ({ status: 503 });
  await tab.evaluate(() => dispatchEvent(new Event("offline")));
  await until("it says so at once", () => tab.evaluate(shows, "c"), (s) => s.state === "offline", 1000);
  server.user("alice").publish({ title: "one" });
  server.control.refuse = undefined;
  await tab.evaluate(() => dispatchEvent(new Event("online")));
  await until("it is back with what it missed", () => tab.evaluate(shows, "c"), (s) => live(s) && s.ids.length === 1, 3000);
}

async function frozen({ server, open }) {
  const proxy = await hostile(server.url);
  const ways = ["ws", "sse", "longpoll", "poll", "iframe"];
  try {
    const tab = await open();
    for (const way of ways) {
      await tab.evaluate(make, { name: way, options: { url: proxy.url, user: "alice-" + way, transports: [way], pollEvery: 2000, badge: false } });
      await until(`${way} is live`, () => tab.evaluate(shows, way), live);
    }
    proxy.mode = "frozen";
    const started = Date.now();
    for (const way of ways) await until(`${way} notices`, () => tab.evaluate(shows, way), (s) => !live(s), 20_000 - (Date.now() - started));
    proxy.mode = "pass";
    proxy.cut();
    for (const way of ways) await until(`${way} is back`, () => tab.evaluate(shows, way), live, 45_000);
  } finally {
    await proxy.close();
  }
}

async function cut({ server, open }) {
  const proxy = await hostile(server.url);
  try {
    const tab = await open();
    await tab.evaluate(make, { name: "c", options: { url: proxy.url, user: "alice" } });
    await until("it is live", () => tab.evaluate(shows, "c"), live);
    const ids = [];
    for (let i = 0; i < 5; i++) {
      proxy.cut();
      ids.push(server.user("alice").publish({ title: "m" + i }).id);
      await until("it hears after the cut", () => tab.evaluate(shows, "c"), (s) => s.ids.length === i + 1, 30_000);
    }
    assert.deepEqual((await tab.evaluate(shows, "c")).ids, ids);
  } finally {
    await proxy.close();
  }
}

export const network = [
  { name: "a proxy that passes heads and keeps bodies", core: true, run: buffered },
  { name: "a Content-Security-Policy without WebSockets", core: true, run: policy },
  { name: "offline is heard", core: true, run: offline },
  { name: "a frozen server is noticed within 20 s on each transport", core: true, run: frozen },
  { name: "a proxy that cuts", core: true, run: cut },
];
