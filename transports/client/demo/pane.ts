import { h } from "../src/dom.ts";
import type { ServerEvent } from "../src/events.ts";
import type { NamedTransport, Reddot, Status, TransportName } from "../src/index.ts";
import type { Log } from "./log.ts";

/** What a pane shows: a transport by name, or one that the page brings. */
export interface PaneSpec {
  transport: TransportName | NamedTransport;
  title: string;
  how: string;
  /** How messages are marked as read; by HTTP, if it is left out. */
  read?: (ids: string[]) => Promise<void>;
}

const WORDS = { connecting: "connecting", live: "live", offline: "offline", "signed-out": "signed out" };

/** How many publishes a pane remembers to time their arrival. */
const REMEMBERED = 100;

/** Pane is one transport's screen: its dot, its state, and what it heard last. */
export class Pane {
  readonly element: HTMLElement;
  #client: Reddot;
  #readIds: (ids: string[]) => Promise<unknown>;
  #name: string;
  #log: Log;
  #changed: () => void;
  #dot = h("span", { class: "dot none", "data-unread": "" });
  #state = h("span", { class: "state", "data-state": "connecting" }, WORDS.connecting);
  #event = h("span", { class: "event" }, "nothing yet");
  #time = h("span", { class: "time" });
  #cursor = h("code", { class: "cursor" }, "–");
  #read = h("button", { class: "link", type: "button", disabled: true }, "Read the newest");
  /** Unread messages that this pane heard of, the newest last. */
  #unreadIds: string[] = [];
  #sent = new Map<string, number>();
  #arrived = new Map<string, number>();

  constructor(spec: PaneSpec, client: Reddot, log: Log, changed: () => void) {
    this.#client = client;
    this.#readIds = spec.read ?? ((ids) => client.inbox.read(ids));
    this.#log = log;
    this.#changed = changed;
    this.#name = typeof spec.transport === "string" ? spec.transport : spec.transport.name;
    this.element = this.#build(spec);
    client.on("counts", () => this.#count());
    client.on("message", (m) => this.#arrive(m.id));
    client.on("event", (e) => this.#hear(e));
    client.on("status", (s) => this.#status(s));
    client.on("reset", () => this.#log.add(spec.title, "reset", ["history was lost"]));
    this.#read.onclick = () => {
      this.#readNewest().catch((e: unknown) => this.#log.add(spec.title, "failed", [String(e)]));
    };
  }

  get unread(): number | undefined {
    return this.#client.counts?.unread;
  }

  get live(): boolean {
    return this.#client.status.state === "live";
  }

  /** Gives its connection back while nobody sees the tab. */
  pause(hidden: boolean): void {
    if (hidden) this.#client.close();
    else this.#client.connect();
  }

  /** A message was published at `sent` (performance.now()): its arrival is timed, whichever news comes first. */
  expect(id: string, sent: number): void {
    const arrived = this.#arrived.get(id);
    if (arrived !== undefined) return this.#timed(arrived - sent);
    remember(this.#sent, id, sent);
  }

  #build(spec: PaneSpec): HTMLElement {
    const icon = h("div", { class: "icon", "aria-hidden": "true" });
    icon.append(h("span", { class: "glyph" }), this.#dot);
    return h(
      "article",
      { class: "pane", "data-transport": this.#name, "aria-label": spec.title },
      icon,
      h("div", { class: "name" }, h("h3", {}, spec.title), h("p", {}, spec.how)),
      this.#state,
      h("div", { class: "last" }, this.#event, this.#time),
      this.#cursor,
      this.#read,
    );
  }

  #count(): void {
    const unread = this.unread ?? 0;
    if (unread) this.#dot.textContent = String(unread);
    this.#dot.dataset.unread = String(unread);
    this.#dot.classList.toggle("none", !unread);
    this.element.setAttribute("aria-description", `${unread} unread`);
    this.#dot.getAnimations().forEach((a) => a.cancel());
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (unread && !calm) this.#dot.animate({ scale: [1, 1.28, 1] }, { duration: 320, easing: "ease-out" });
    this.#read.disabled = !unread;
    this.#changed();
  }

  #hear(e: ServerEvent): void {
    this.#time.textContent = "";
    this.#event.textContent = describe(e);
    this.#cursor.textContent = this.#client.cursor ?? "–";
    this.#cursor.title = "cursor " + (this.#client.cursor ?? "");
    if (e.type === "message") this.#unreadIds.push(e.message.id);
    if (e.type === "retract" || (e.type === "state" && e.state !== "seen" && e.state !== "unseen")) {
      this.#unreadIds = this.#unreadIds.filter((id) => !e.ids.includes(id));
    }
    if (e.type === "message") this.#show(e.message.id);
  }

  #arrive(id: string): void {
    remember(this.#arrived, id, performance.now());
  }

  #show(id: string): void {
    const sent = this.#sent.get(id);
    const arrived = this.#arrived.get(id);
    if (sent !== undefined && arrived !== undefined) this.#timed(arrived - sent);
  }

  #timed(ms: number): void {
    this.#time.textContent = ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
    this.#time.title = "from the click on Publish until this pane knew";
  }

  #status(s: Status): void {
    const before = this.#state.dataset.state;
    this.#state.dataset.state = s.state;
    this.#state.textContent = document.hidden && s.reason === "closed" ? "paused" : WORDS[s.state];
    this.#state.title = s.reason ?? "";
    if (before !== s.state || s.stopped) {
      this.#log.add(this.element.getAttribute("aria-label")!, s.state, s.state === "live" ? [] : [s.reason]);
    }
    this.#changed();
  }

  /** Marks the newest unread message as read, through this pane's client. */
  async #readNewest(): Promise<void> {
    let id = this.#unreadIds.at(-1);
    if (id === undefined) {
      const { messages } = await this.#client.inbox.list({ limit: 200 });
      id = messages.find((m) => m.state === "unseen" || m.state === "seen")?.id;
    }
    if (id !== undefined) await this.#readIds([id]);
  }
}

function describe(e: ServerEvent): string {
  switch (e.type) {
    case "message":
      return e.message.title ?? e.message.body ?? "message";
    case "state":
      return `${e.ids.length} ${e.state}`;
    case "retract":
      return `${e.ids.length} retracted`;
    case "hello":
      return "connected";
    default:
      return e.type;
  }
}

function remember(map: Map<string, number>, id: string, time: number): void {
  map.set(id, time);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value!);
}
