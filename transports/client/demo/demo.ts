// The demo page: one user, one pane a transport. Each pane is a client pinned to its transport; the bell's client is the
// one that an application would use, with the badges on.
import "../src/bell.ts";
import { h } from "../src/dom.ts";
import { Reddot } from "../src/index.ts";
import { Follow } from "./follow.ts";
import { InboxView } from "./inbox.ts";
import { Log } from "./log.ts";
import type { Mqtt } from "./mqtt.ts";
import { Pane, type PaneSpec } from "./pane.ts";
import { PublishForm } from "./publish.ts";

/** How often the short poll pane asks, in milliseconds. */
const POLL = 2000;

// SSE, iframe and long poll hold one connection each, of the six that a browser opens to a host over HTTP/1.1. So the panes
// are shared by the tabs of one user, and pause in a tab that nobody sees: two tabs of two users would starve each other.
const specs: PaneSpec[] = [
  { transport: "poll", title: "Short poll", how: `asks every ${POLL / 1000} s` },
  { transport: "longpoll", title: "Long poll", how: "one parked request" },
  { transport: "iframe", title: "Iframe", how: "a page that never ends" },
  { transport: "sse", title: "SSE", how: "a one-way stream" },
  { transport: "ws", title: "WebSocket", how: "frames both ways" },
  { transport: { name: "mqtt", run: async (w) => (await mqtt()).run(w) }, title: "MQTT", how: "mqtt.js, over WebSocket", read: async (ids) => (await mqtt()).read(ids) },
];

/** The sixth pane's client comes in a file of its own: it is larger than all else together. */
let loaded: Promise<Mqtt> | undefined;
function mqtt(): Promise<Mqtt> {
  return (loaded ??= import("./mqtt.ts").then((m) => m.viaMqtt()));
}

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven"];

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const user = new URLSearchParams(location.search).get("user")?.trim() || "alice";
const field = element<HTMLInputElement>("user");
field.value = user;
// Another user is another page: nothing of the one before stays.
element<HTMLFormElement>("who").onsubmit = (e) => {
  e.preventDefault();
  location.search = "?" + new URLSearchParams({ user: field.value.trim() });
};
field.onchange = () => field.form?.requestSubmit();

const log = new Log(element("log"));
element("clear-log").onclick = () => log.clear();

const panes: Pane[] = [];
for (const spec of specs) {
  const client = new Reddot({ user, transports: [spec.transport], badge: false, pollEvery: POLL });
  panes.push(new Pane(spec, client, log, agree));
}
document.addEventListener("visibilitychange", () => {
  for (const pane of panes) pane.pause(document.hidden);
  agree();
});
element("panes").append(...panes.map((p) => p.element));
element("ways").textContent = NUMBERS[panes.length] ?? String(panes.length);
agree();

const main = new Reddot({ user });
document.querySelector("reddot-bell")!.client = main;
let said = "";
main.on("status", ({ state, transport, reason }) => {
  // Which transports were tried on the way is for a debugger; which one serves is news.
  const now = state === "live" ? `live ${transport}` : state;
  if (now !== said) log.add("Bell", state, [state === "live" ? transport : reason]);
  said = now;
});
const inbox = new InboxView(element("inbox"), element<HTMLButtonElement>("read-all"), main);
void inbox.start();
new Follow(element<HTMLInputElement>("follow"), main);

const form = new PublishForm(element<HTMLFormElement>("publish"), element("published"), user, (id, sent) => {
  for (const pane of panes) pane.expect(id, sent);
});
element("curl").textContent = form.command(location.origin);

/** Says whether all panes show the same count. */
function agree(): void {
  const shown = new Set(panes.map((p) => p.unread));
  const live = panes.filter((p) => p.live).length;
  const line = element("agree");
  const same = shown.size === 1 && !shown.has(undefined);
  line.dataset.same = String(same && live === panes.length);
  if (document.hidden) return line.replaceChildren("paused: nobody sees this tab");
  const words = same ? ["all show ", h("b", {}, String([...shown][0]))] : ["catching up"];
  line.replaceChildren(`${live} of ${panes.length} live · `, ...words);
}
