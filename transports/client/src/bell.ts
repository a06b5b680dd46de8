import { place } from "./bell_place.ts";
import { Prefs } from "./bell_prefs.ts";
import { Rows } from "./bell_rows.ts";
import { css } from "./bell_style.ts";
import { textsOf, type BellTexts } from "./bell_texts.ts";
import { h } from "./dom.ts";
import type { Message } from "./events.ts";
import { isUnread, MessageList, Reddot, type Options, type TransportName } from "./index.ts";

export type { BellTexts } from "./bell_texts.ts";

/** How many messages one page of the list holds. */
const PAGE = 20;

/** The largest number on the dot; the label says the exact one. */
const MOST = 99;

/** How often "5 min ago" is said anew, and how rarely a page may make the bell ask for its token, in milliseconds. */
const MINUTE = 30_000;
const RARELY = 5000;

/** Below this width the panel is a sheet at the bottom of the screen. */
const PHONE = "(max-width: 480px)";

const SVG = "http://www.w3.org/2000/svg";

/** The channels in the preferences, unless the attribute `channels` names others. */
const CHANNELS = "inapp,email,sms";

/** Attributes that say whose bell it is: another value means another client. */
const IDENTITY = ["url", "user", "transports"];

/** Properties that a page may have set before this file was there. */
const PROPERTIES = ["client", "token", "texts", "url", "user", "readOnOpen"] as const;

/** On a server there are no elements; the class is there all the same, so that importing it does no harm. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * `<reddot-bell>`: a bell with the unread count and the inbox behind it. It makes a client of its own from the attributes
 * `url`, `user`, `transports` (comma-separated) and the property `token`, or takes one by the property `client`. With `read-on-open`, what it
 * shows is marked as read, otherwise as seen. Behind a button are the user's preferences; `channels` (comma-separated) says which it offers. `lang` and `texts` set its words. Its look is set by the custom
 * properties `--reddot-accent`, `-fg`, `-bg`, `-muted`, `-line`, `-hover`, `-radius`, `-width` and `-font`.
 *
 * A chosen message is marked as read and told by the event `reddot-open` (detail: the message); unless that is prevented,
 * the message's URL is opened.
 */
export class ReddotBell extends Base {
  static observedAttributes = [...IDENTITY, "lang"];
  #token: Options["token"];
  #texts: Partial<BellTexts> = {};
  #words: BellTexts | undefined;
  #client: Reddot | undefined;
  #own = false;
  #list: MessageList | undefined;
  #stops: (() => void)[] = [];
  #away: AbortController | undefined;
  #load: "idle" | "loading" | "failed" | "done" = "idle";
  #notDone = false;
  #refreshed = 0;
  #refresh: ReturnType<typeof setTimeout> | undefined;
  #renewing = false;

  #dot = this.#h("span", { class: "dot none", part: "dot", "aria-hidden": "true" });
  #said = this.#h("span", { class: "said", role: "status" });
  #button = this.#h("button", { class: "bell", part: "bell", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
  #head = this.#h("strong", { id: "head" });
  #readAll = this.#h("button", { class: "link", type: "button" });
  #gear = this.#h("button", { class: "gear", part: "preferences-button", type: "button", "aria-pressed": "false" });
  #note = this.#h("p", { class: "note", role: "status", hidden: true });
  #items = this.#h("ul", { part: "list", role: "list" });
  #more = this.#h("button", { class: "more", type: "button", hidden: true });
  #panel = this.#h("div", { class: "panel", part: "panel", role: "dialog", "aria-labelledby": "head", tabindex: "-1", popover: "manual", hidden: true });
  #prefs = new Prefs({
    inbox: () => this.#client?.inbox,
    channels: () => listed(this.getAttribute("channels") ?? CHANNELS),
    categories: () => this.#categories(),
    told: (done) => {
      this.#notDone = !done;
      this.#render();
    },
  });
  #rows = new Rows({ choose: (m, e, plain) => this.#choose(m, e, plain), archive: (m) => this.#archive(m) });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    // A sheet rather than a <style>: a strict Content-Security-Policy allows it.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    this.#button.append(icon(BELL), this.#dot);
    this.#gear.append(icon(SLIDERS));
    this.#panel.append(h("div", { class: "top" }, this.#head, this.#readAll, this.#gear), this.#note, this.#items, this.#more, this.#prefs.element);
    root.append(this.#button, this.#said, this.#panel);
    this.#button.onclick = () => (this.#panel.hidden ? void this.open() : this.close());
    this.#readAll.onclick = () => this.#do(this.#client?.inbox.readAll());
    this.#gear.onclick = () => this.#turn(!this.#prefs.shown);
    this.#more.onclick = () => this.#do(this.#list?.more());
    this.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && relatedTarget !== this && !this.contains(relatedTarget as Node)) this.close();
    });
  }

  get client(): Reddot | undefined {
    return this.#client;
  }

  set client(client: Reddot | undefined) {
    this.#detach();
    this.#client = client;
    if (client && this.isConnected) this.#attach(client);
    else if (!client) this.#renew();
  }

  /** Gives the token of the client that the bell makes itself. Another function is asked at once, in case it is another user's. */
  get token(): Options["token"] {
    return this.#token;
  }

  set token(token: Options["token"]) {
    const before = this.#token;
    this.#token = token;
    if (!before !== !token) this.#renew();
    if (!before !== !token || before === token || !this.#own) return;
    // A page may make a new function each time that it renders.
    const wait = Math.max(0, this.#refreshed + RARELY - Date.now());
    this.#refresh ??= setTimeout(() => {
      this.#refresh = undefined;
      this.#refreshed = Date.now();
      void this.#client?.refresh();
    }, wait);
  }

  get texts(): Partial<BellTexts> {
    return this.#texts;
  }

  set texts(texts: Partial<BellTexts> | undefined) {
    this.#texts = texts ?? {};
    this.#speak();
  }

  get url(): string {
    return this.getAttribute("url") ?? "";
  }

  set url(url: string | undefined) {
    this.#reflect("url", url);
  }

  get user(): string {
    return this.getAttribute("user") ?? "";
  }

  set user(user: string | undefined) {
    this.#reflect("user", user);
  }

  get readOnOpen(): boolean {
    return this.hasAttribute("read-on-open");
  }

  set readOnOpen(on: boolean) {
    this.toggleAttribute("read-on-open", on);
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) {
      if (!Object.hasOwn(this, name)) continue;
      const value: unknown = this[name];
      delete this[name];
      Object.assign(this, { [name]: value });
    }
    this.#speak();
    if (this.#list) return; // It was moved within the page.
    if (this.#client) this.#attach(this.#client);
    else this.#renew();
  }

  disconnectedCallback(): void {
    this.close();
    queueMicrotask(() => this.isConnected || this.#detach());
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "lang") this.#speak();
    else if (this.#own) this.#renew();
  }

  /** Opens the inbox; what it shows counts as seen. */
  async open(): Promise<void> {
    if (!this.#panel.hidden) return;
    this.#panel.hidden = false;
    this.#panel.showPopover?.();
    this.#button.setAttribute("aria-expanded", "true");
    this.#away = new AbortController();
    const { signal } = this.#away;
    const always = { signal, capture: true, passive: true };
    const outside = (e: Event) => e.composedPath().includes(this) || this.close();
    document.addEventListener("pointerdown", outside, always);
    document.addEventListener("keydown", (e) => this.#key(e), { signal, capture: true });
    for (const moves of ["scroll", "resize"]) addEventListener(moves, () => this.#place(), always);
    const clock = setInterval(() => this.#rows.refresh(this.#lang()), MINUTE);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.#speak();
    this.#panel.focus({ preventScroll: true });
    await this.#fetch();
  }

  close(): void {
    if (this.#panel.hidden) return;
    const inside = this.#panel.contains(this.shadowRoot!.activeElement);
    this.#away?.abort();
    if (this.#panel.hidePopover && this.#panel.isConnected) this.#panel.hidePopover();
    this.#panel.hidden = true;
    this.#prefs.close();
    this.#button.setAttribute("aria-expanded", "false");
    if (inside) this.#button.focus({ preventScroll: true });
  }

  /** Turns the panel to the preferences, or back to the inbox. */
  #turn(prefs: boolean): void {
    this.#notDone = false;
    if (prefs && this.#words) void this.#prefs.open(this.#words, this.#lang()).then(() => this.#place());
    else this.#prefs.close();
    this.#render();
  }

  /** The categories that messages have had, as far as the bell knows. */
  #categories(): string[] {
    const counted = Object.keys(this.#client?.counts?.by_category ?? {});
    return [...counted, ...(this.#list?.messages ?? []).flatMap((m) => m.category ?? [])];
  }

  /** Loads what the list shows, and marks it. */
  async #fetch(): Promise<void> {
    if (!this.#list || this.#client?.status.state === "signed-out") return this.#render();
    const list = this.#list;
    this.#load = this.#load === "done" ? "done" : "loading";
    this.#notDone = false;
    this.#render();
    try {
      await list.load();
      if (list === this.#list) this.#load = "done";
    } catch {
      if (list === this.#list) this.#load = "failed";
    }
    this.#render();
    if (this.#load !== "done" || list !== this.#list || this.#panel.hidden) return;
    const { inbox } = this.#client!;
    const marked = list.messages.filter((m) => (this.readOnOpen ? isUnread(m) : m.state === "unseen")).map((m) => m.id);
    if (marked.length) this.#do(this.readOnOpen ? inbox.read(marked) : inbox.seen(marked));
  }

  #h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Record<string, string | boolean>): HTMLElementTagNameMap[K] {
    return h(tag, attributes);
  }

  #reflect(name: string, value: string | undefined): void {
    if (value) this.setAttribute(name, value);
    else this.removeAttribute(name);
  }

  /** Makes a client of its own, anew if there is one. What a page sets in one go makes one client. */
  #renew(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => {
      this.#renewing = false;
      if (!this.isConnected || (this.#client && !this.#own)) return;
      this.client = new Reddot(this.#options());
      this.#own = true;
    });
  }

  #options(): Options {
    const [url, user, transports] = IDENTITY.map((name) => this.getAttribute(name));
    return {
      ...(url && { url }),
      ...(user && { user }),
      ...(this.#token && { token: (stale?: string) => this.#token?.(stale) }),
      ...(transports && { transports: listed(transports) as TransportName[] }),
    };
  }

  #attach(client: Reddot): void {
    this.#list = new MessageList(client, { limit: PAGE }, () => this.#render());
    this.#load = "idle";
    this.#stops = [
      client.on("counts", () => this.#count()),
      client.on("state", (state) => {
        this.#count();
        // What could not be loaded comes by itself when it can.
        if (state === "live" && this.#load !== "done" && !this.#panel.hidden) void this.#fetch();
        else this.#render();
      }),
    ];
    this.#count();
    this.#render();
  }

  #detach(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#list?.close();
    this.#list = undefined;
    if (this.#own) this.#client?.close();
    if (this.#own) this.#client = undefined;
    this.#own = false;
  }

  #lang(): string {
    return this.closest("[lang]")?.getAttribute("lang") || document.documentElement.lang || navigator.language;
  }

  /** Finds its words anew. */
  #speak(): void {
    const words = { ...textsOf(this.#lang()), ...this.#texts };
    this.#words = words;
    this.#prefs.speak(words, this.#lang());
    this.#count();
    this.#render();
  }

  #count(): void {
    const { inbox, unread } = this.#words ?? textsOf("");
    const count = this.#client?.counts?.unread ?? 0;
    if (count) this.#dot.textContent = count > MOST ? `${MOST}+` : String(count);
    this.#dot.classList.toggle("none", !count);
    this.#readAll.toggleAttribute("disabled", !count);
    this.#said.textContent = unread(count);
    this.#button.setAttribute("aria-label", `${inbox}: ${unread(count)}`);
  }

  #render(): void {
    const words = this.#words;
    if (this.#panel.hidden || !words) return;
    const state = this.#client?.status.state;
    const out = state === "signed-out";
    if (out) this.#prefs.close();
    const prefs = this.#prefs.shown;
    this.#head.textContent = prefs ? words.preferences : words.inbox;
    this.#readAll.textContent = words.readAll;
    this.#readAll.hidden = out || prefs;
    const gear = prefs ? words.back : words.preferences;
    this.#gear.setAttribute("aria-label", gear);
    this.#gear.setAttribute("aria-pressed", String(prefs));
    this.#gear.title = gear;
    this.#gear.hidden = out;
    this.#items.hidden = prefs;
    this.#more.textContent = words.more;
    this.#more.hidden = out || prefs || !this.#list?.next;
    const note = this.#notDone ? words.notDone : state === "offline" ? words.offline : "";
    if (this.#note.textContent !== note) this.#note.textContent = note;
    this.#note.hidden = !note;
    const focused = this.shadowRoot!.activeElement;
    const rows = this.#rows.elements(out ? [] : this.#list?.messages ?? [], words);
    this.#items.setAttribute("aria-busy", String(this.#load === "loading"));
    this.#items.replaceChildren(...(rows.length ? rows : [this.#nothing(words, out)]));
    this.#rows.refresh(this.#lang());
    this.#refocus(focused);
    this.#place();
  }

  /** What stands where there are no messages. */
  #nothing(words: BellTexts, out: boolean): HTMLLIElement {
    if (out) return h("li", { class: "empty" }, words.signedOut);
    if (this.#load === "failed") {
      const retry = h("button", { class: "link retry", type: "button" }, words.retry);
      retry.onclick = () => void this.#fetch();
      return h("li", { class: "empty" }, words.failed, retry);
    }
    return h("li", { class: "empty" }, this.#load === "done" ? words.empty : words.loading);
  }

  /** Who reads the list with the keyboard stays where they were, or as near as there still is something. */
  #refocus(focused: Element | null): void {
    if (!focused || focused === this.shadowRoot!.activeElement) return;
    const id = (focused as HTMLElement).dataset?.id;
    const again = focused.isConnected ? focused : id && this.#buttons().find((b) => b.dataset.id === id);
    ((again as HTMLElement) || this.#panel).focus({ preventScroll: true });
  }

  #choose(m: Message, e: MouseEvent, plain: boolean): void {
    if (isUnread(m)) this.#do(this.#client?.inbox.read(m.id));
    if (!plain) return; // A new tab or window is the browser's business.
    const event = new CustomEvent("reddot-open", { detail: m, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(event)) e.preventDefault();
  }

  #archive(m: Message): void {
    const at = this.#buttons().findIndex((b) => b.dataset.id === m.id);
    this.#do(
      this.#client?.inbox.archive(m.id).then(() => {
        if (!this.#panel.hidden) (this.#buttons()[Math.min(at, this.#buttons().length - 1)] ?? this.#panel).focus();
      }),
    );
  }

  #do(change: Promise<unknown> | undefined): void {
    this.#notDone = false;
    change?.catch(() => (this.#notDone = true)).finally(() => this.#render());
  }

  #place(): void {
    const { style } = this.#panel;
    const sheet = matchMedia(PHONE).matches;
    this.#panel.classList.toggle("sheet", sheet);
    for (const edge of ["left", "top", "bottom", "max-height"]) style.removeProperty(edge);
    if (sheet) return;
    const { width, height } = this.#panel.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const viewport = { width: clientWidth, height: Math.min(clientHeight || innerHeight, innerHeight) };
    const rtl = getComputedStyle(this).direction === "rtl";
    const at = place(this.#button.getBoundingClientRect(), { width, height }, viewport, rtl);
    style.left = at.left + "px";
    style.top = at.top === undefined ? "auto" : at.top + "px";
    style.bottom = at.bottom === undefined ? "auto" : at.bottom + "px";
    style.maxHeight = `min(520px, ${at.maxHeight}px)`;
  }

  #key(e: KeyboardEvent): void {
    if (e.key === "Escape") {
      this.close();
      // A page's own dialog around the bell stays open.
      e.preventDefault();
      return e.stopPropagation();
    }
    if (!e.composedPath().includes(this.#panel) && !e.composedPath().includes(this.#button)) return;
    if (this.#prefs.shown) return; // The arrows are the fields' there.
    const items = this.#buttons();
    const row = this.shadowRoot!.activeElement?.closest("li")?.querySelector<HTMLElement>(".item");
    const at = row ? items.indexOf(row) : -1;
    const goto: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    if (!(e.key in goto)) return;
    items[Math.max(0, Math.min(goto[e.key]!, items.length - 1))]?.focus();
    e.preventDefault();
  }

  #buttons(): HTMLElement[] {
    return [...this.#items.querySelectorAll<HTMLElement>(".item")];
  }
}

const BELL = "M6 9.5a6 6 0 0 1 12 0c0 5.5 2 7 2 7H4s2-1.5 2-7M10 20a2.2 2.2 0 0 0 4 0";
const SLIDERS = "M4 7h8m6 0h2M4 17h2m6 0h8M15 4.5v5M9 14.5v5";

/** The words of a comma-separated list. */
function listed(text: string): string[] {
  return text.split(",").flatMap((word) => word.trim() || []);
}

/** An icon, built node by node: pages with Trusted Types take no markup from a text. */
function icon(line: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", line);
  svg.append(path);
  return svg;
}

// A second copy of this file does no harm.
if (globalThis.customElements && !customElements.get("reddot-bell")) customElements.define("reddot-bell", ReddotBell);

declare global {
  interface HTMLElementTagNameMap {
    "reddot-bell": ReddotBell;
  }
}
