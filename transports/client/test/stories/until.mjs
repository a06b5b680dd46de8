// Waiting for what a page shows.
import assert from "node:assert/strict";

/** Asks again and again until `good` likes the answer. */
export async function until(what, ask, good, within = 15_000) {
  const started = Date.now();
  for (let got; ; await sleep(50)) {
    got = await ask();
    if (good(got)) return Date.now() - started;
    assert.ok(Date.now() - started < within, `waited in vain until ${what}; got ${JSON.stringify(got)}`);
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A token that says whose it is; the stand-in for the server knows it by its text. */
export function token(user, seconds = 3600) {
  const part = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + seconds })}.x${Math.random()}`;
}

/** Runs in a page: makes a client by name, which remembers what it was told. */
export async function make({ name, options, tokens }) {
  const { Reddot } = await import("/reddot.js");
  const all = (globalThis.clients ??= {});
  const calls = (globalThis.calls ??= {});
  calls[name] = 0;
  if (tokens) globalThis.tokens = tokens;
  const source = () => {
    calls[name]++;
    return globalThis.tokens[name];
  };
  const c = new Reddot({ ...options, ...(tokens && { token: source }) });
  const told = { ids: [], states: [], resets: 0 };
  c.on("message", (m) => told.ids.push(m.id));
  c.on("reset", () => told.resets++);
  c.on("state", (s) => told.states.push(s));
  all[name] = Object.assign(c, { told });
}

/** Runs in a page: what a client shows. */
export function shows(name) {
  const c = globalThis.clients?.[name];
  return c && { unread: c.counts?.unread, state: c.status.state, transport: c.status.transport, reason: c.status.reason, ...c.told, calls: globalThis.calls[name], title: document.title };
}
