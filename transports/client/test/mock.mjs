// A small stand-in for the server: one process, one file, the wire forms of the public API. It is no model of the real
// one; it serves the client's own tests. `node test/mock.mjs PORT [STATE.json]`
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const dist = new URL(process.env.REDDOT_DIST ?? "../dist/", import.meta.url);
const types = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const counted = { unseen: [1, 1], seen: [1, 0] };

/** One user's inbox: messages, and the events that made them. */
class User {
  constructor(kept) {
    Object.assign(this, { lineage: randomBytes(3).toString("hex"), rev: 0, messages: [], events: [], preferences: {} }, kept);
    this.listeners = new Set();
  }

  get cursor() {
    return `${this.lineage}-${this.rev}`;
  }

  get counts() {
    const c = { unread: 0, unseen: 0, by_category: {}, rev: this.rev, cursor: this.cursor };
    for (const m of this.messages) {
      const [unread, unseen] = counted[m.state] ?? [0, 0];
      c.unread += unread;
      c.unseen += unseen;
      if (unread && m.category) c.by_category[m.category] = (c.by_category[m.category] ?? 0) + 1;
    }
    return c;
  }

  add(event) {
    this.rev++;
    const e = { ...event, cursor: this.cursor, counts: this.counts };
    this.events.push(e);
    for (const listen of this.listeners) listen(e);
  }

  publish(fields) {
    const id = `${Date.now().toString(16).padStart(12, "0")}-${randomBytes(4).toString("hex")}`;
    const message = { id, created_at: new Date().toISOString(), ...fields, state: "unseen" };
    this.messages.unshift(message);
    this.add({ type: "message", message: { ...message } });
    return { id, rev: this.rev, counts: this.counts, outcome: "delivered" };
  }

  mark(ids, state) {
    const changed = this.messages.filter((m) => ids.includes(m.id) && m.state !== state);
    for (const m of changed) m.state = state;
    if (changed.length) this.add({ type: "state", ids: changed.map((m) => m.id), state });
    return { counts: this.counts };
  }

  /** The events after a cursor; undefined if it is foreign. */
  after(cursor) {
    const [lineage, rev] = (cursor ?? "").split("-");
    if (lineage !== this.lineage) return undefined;
    // As the real server does: the counts of a replay are those of now.
    return this.events.filter((e) => e.counts.rev > Number(rev)).map((e) => ({ ...e, counts: this.counts }));
  }

  /** What a new connection is told first. */
  opening(cursor) {
    const reset = { type: "reset", cursor: this.cursor, counts: this.counts };
    return cursor ? this.after(cursor) ?? [reset] : [{ type: "counts", cursor: this.cursor, counts: this.counts }];
  }
}

/** Starts the server; `file` keeps the users over a restart, as the real one's journal does. */
export async function serve({ port = 0, file, heartbeat = 15_000 } = {}) {
  const users = new Map();
  if (file && existsSync(file)) {
    for (const [name, kept] of Object.entries(JSON.parse(readFileSync(file, "utf8")))) users.set(name, new User(kept));
  }
  const user = (name) => users.get(name) ?? users.set(name, new User()).get(name);
  const keep = () => {
    const all = [...users].map(([k, { lineage, rev, messages, events }]) => [k, { lineage, rev, messages, events }]);
    if (file) writeFileSync(file, JSON.stringify(Object.fromEntries(all)));
  };
  /**
   * Tests set these: how to refuse requests, (req) => { status, headers } | undefined; whose token is whose, or undefined where
   * none is needed; how long an answer to a POST takes. They read what came: requests, and frames of WebSockets.
   */
  const control = { refuse: undefined, tokens: undefined, delay: 0, requests: [], frames: [] };

  const server = createServer((req, res) => {
    control.requests.push(req.method + " " + req.url);
    allow(req, res);
    if (req.method === "OPTIONS") return res.writeHead(204).end();
    const refusal = control.refuse?.(req) ?? stranger(req);
    if (refusal) return res.writeHead(refusal.status, refusal.headers).end();
    handle(req, res).catch((e) => json(res, 500, { code: "internal", detail: String(e) }));
  });

  /** CORS, as the real server does it for an allowed origin. */
  function allow(req, res) {
    const { origin } = req.headers;
    if (!origin) return;
    res.setHeader("Access-Control-Allow-Origin", origin === "null" ? "*" : origin);
    if (origin !== "null") res.setHeader("Access-Control-Allow-Credentials", "true");
    res.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID");
    res.setHeader("Access-Control-Allow-Methods", "GET, POST, PUT");
    res.setHeader("Access-Control-Expose-Headers", "ETag, Retry-After, Reddot-User");
  }

  /** Who asks: by header, subprotocol, query or cookie. */
  function caller(req) {
    const protocol = /bearer\.([^, ]+)/.exec(req.headers["sec-websocket-protocol"] ?? "")?.[1];
    const cookie = /reddot_token=([^; ]+)/.exec(req.headers.cookie ?? "")?.[1];
    const token = /^Bearer (.+)/.exec(req.headers.authorization ?? "")?.[1] ?? protocol ?? new URL(req.url, "http://mock").searchParams.get("token");
    return control.tokens?.[token ?? cookie];
  }

  function named(req) {
    const [, name] = /^\/v1\/users\/([^/?]+)/.exec(req.url) ?? [];
    return name && decodeURIComponent(name);
  }

  /** How somebody is refused who asks for what is not theirs; undefined where all is well. */
  function stranger(req) {
    const name = named(req);
    if (!name || !control.tokens) return undefined;
    const who = caller(req);
    if (!who) return { status: 401 };
    return name === "me" || name === who ? undefined : { status: 403 };
  }

  async function handle(req, res) {
    const url = new URL(req.url, "http://mock");
    const [, name, rest] = /^\/v1\/users\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    if (!name) return page(url.pathname, res);
    const whose = name === "me" ? caller(req) : decodeURIComponent(name);
    const u = user(whose);
    const q = url.searchParams;
    if (req.method === "POST") {
      await new Promise((resolve) => setTimeout(resolve, control.delay));
      const answer = change(u, rest, await body(req));
      keep();
      return json(res, answer ? (answer.id ? 201 : 200) : 404, answer ?? { code: "not_found" });
    }
    if (rest === "preferences" && req.method === "PUT") u.preferences = await body(req);
    switch (rest) {
      case "preferences":
        return json(res, 200, u.preferences);
      case "counts":
        res.setHeader("ETag", `"${u.cursor}"`);
        res.setHeader("Reddot-User", "default/" + whose);
        return req.headers["if-none-match"] === `"${u.cursor}"` ? res.writeHead(304).end() : json(res, 200, u.counts);
      case "messages":
        return json(res, 200, list(u, q));
      case "wait":
        return wait(u, q, res);
      case "stream":
        return stream(u, req.headers["last-event-id"] ?? q.get("after"), res);
      case "iframe":
        return frames(u, q, res);
    }
    json(res, 404, { code: "not_found" });
  }

  async function page(path, res) {
    const name = path === "/" ? "index.html" : path.slice(1);
    if (name === "blank") return res.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>blank</title>");
    const file = await readFile(new URL(name, dist)).catch(() => undefined);
    if (!file || name.includes("..")) return json(res, 404, { code: "not_found" });
    res.writeHead(200, { "Content-Type": types[name.split(".").pop()] + "; charset=utf-8" }).end(file);
  }

  function list(u, q) {
    const from = Number(q.get("next") ?? 0);
    const limit = Number(q.get("limit") ?? 50);
    const all = u.messages.filter(
      (m) => (!q.get("state") || m.state === q.get("state")) && (!q.get("category") || m.category === q.get("category")),
    );
    const next = from + limit < all.length ? { next: String(from + limit) } : {};
    return { messages: all.slice(from, from + limit), ...next };
  }

  function wait(u, q, res) {
    const after = q.get("after");
    const news = () => {
      const events = after ? u.opening(after) : [];
      return { events, counts: u.counts, cursor: u.cursor };
    };
    if (!after || u.opening(after).length) return json(res, 200, news());
    const end = () => {
      clearTimeout(timer);
      u.listeners.delete(wake);
    };
    const wake = () => {
      end();
      json(res, 200, news());
    };
    const timer = setTimeout(() => {
      end();
      res.writeHead(304).end();
    }, Number(q.get("timeout") ?? 25) * 1000);
    u.listeners.add(wake);
    res.on("close", end);
  }

  function stream(u, after, res) {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    res.write("retry: 3000\n\n");
    const send = (e) => res.write(`id: ${e.cursor}\nevent: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`);
    hold(u, after, res, send, () => res.write(": alive\n\n"));
  }

  function frames(u, q, res) {
    res.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" });
    res.write("<!doctype html><meta charset=utf-8><title>reddot</title>" + " ".repeat(1024));
    const origin = JSON.stringify(q.get("origin"));
    const text = (e) => JSON.stringify(e).replace(/</g, "\\u003c");
    const send = (e) => res.write(`<script>parent.postMessage(${text(e)}, ${origin})</script>\n`);
    hold(u, q.get("after"), res, send, () => res.write("<!-- alive -->\n"));
  }

  /** Keeps a connection: what it missed, then what comes, and signs of life between. */
  function hold(u, after, res, send, beat) {
    u.opening(after).forEach(send);
    u.listeners.add(send);
    const beats = setInterval(beat, heartbeat);
    res.on("close", () => {
      clearInterval(beats);
      u.listeners.delete(send);
    });
  }

  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "reddot.v1" });
  server.on("upgrade", (req, socket, head) => {
    const url = new URL(req.url, "http://mock");
    const [, name] = /^\/v1\/users\/([^/]+)\/ws$/.exec(url.pathname) ?? [];
    control.requests.push("WS " + req.url);
    const refusal = control.refuse?.(req) ?? stranger(req);
    const whose = name === "me" ? caller(req) : name && decodeURIComponent(name);
    if (!name || refusal) return socket.end(`HTTP/1.1 ${refusal?.status ?? 404} Refused\r\nConnection: close\r\n\r\n`);
    sockets.handleUpgrade(req, socket, head, (ws) => talk(user(whose), url.searchParams.get("after"), ws));
  });

  function talk(u, after, ws) {
    const send = (e) => ws.send(JSON.stringify(e));
    const missed = after ? u.after(after) : [];
    send({ type: "hello", counts: u.counts, cursor: u.cursor, recovered: Boolean(after && missed) });
    if (missed) missed.forEach(send);
    else send({ type: "reset", cursor: u.cursor, counts: u.counts });
    u.listeners.add(send);
    ws.on("message", (text) => {
      const frame = JSON.parse(text);
      control.frames.push(frame);
      send({ type: "ok", id: frame.id });
    });
    ws.on("close", () => u.listeners.delete(send));
  }

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    user,
    control,
    sockets: sockets.clients,
    close: async () => {
      for (const ws of sockets.clients) ws.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One of the writes; undefined for an unknown path. */
function change(u, path, fields) {
  const states = { seen: "seen", read: "read", unread: "seen", archive: "archived", snooze: "snoozed" };
  if (path === "messages") return u.publish(fields);
  const [, id, verb = path] = /^messages\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  const state = states[verb];
  if (!state) return undefined;
  const open = u.messages.filter((m) => ["unseen", "seen"].includes(m.state));
  const scope = open.filter((m) => !fields.category || m.category === fields.category);
  return u.mark(id ? [decodeURIComponent(id)] : fields.ids ?? scope.map((m) => m.id), state);
}

async function body(req) {
  let text = "";
  for await (const piece of req) text += piece;
  return text ? JSON.parse(text) : {};
}

function json(res, status, value) {
  res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" }).end(JSON.stringify(value));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve({ port: Number(process.argv[2] ?? 7777), file: process.argv[3] });
  console.log("listening on " + url);
}
