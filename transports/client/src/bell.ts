import { css } from "./bell_style.ts";
import { h } from "./dom.ts";
import type { Message } from "./events.ts";
import { Reddot, type Options, type TransportName } from "./index.ts";
import { ago, isUnread, MessageList } from "./list.ts";

const BELL =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 9.5a6 6 0 0 1 12 0c0 5.5 2 7 2 7H4s2-1.5 2-7M10 20a2.2 2.2 0 0 0 4 0"/></svg>';

/** How many messages one page of the dropdown holds. */
const PAGE = 20;

/** The bell's words; set `texts` to say them in another language. */
export interface BellTexts {
  inbox: string;
  readAll: string;
  empty: string;
  more: string;
  failed: string;
  /** Said before the title of an unread message. */
  isUnread: string;
  unread: (count: number) => string;
}

const ENGLISH: BellTexts = {
  inbox: "Inbox",
  readAll: "Mark all as read",
  empty: "You are all caught up.",
  more: "Show more",
  failed: "The inbox could not be loaded.",
  isUnread: "Unread:",
  unread: (count) => (count === 1 ? "1 unread message" : `${count} unread messages`),
};

/**
 * `<reddot-bell>`: a bell with the unread count and the inbox behind it. It makes a client of its own from the
 * attributes `url`, `user` and `transports` (comma-separated), or takes one by the property `client`. Its look is set by the
 * custom properties `--reddot-accent`, `-fg`, `-bg`, `-muted`, `-line`, `-hover`, `-radius`, `-width` and `-font`.
 *
 * A chosen message is marked as read and told by the event `reddot-open` (detail: the message); unless that is prevented,
 * the message's URL is opened.
 */
export class ReddotBell extends HTMLElement {
  /** Gives the token of a client that the bell makes itself. */
  token: Options["token"];
  texts: BellTexts = ENGLISH;
  #client: Reddot | undefined;
  #own = false;
  #list: MessageList | undefined;
  #stop: (() => void) | undefined;
  #away: AbortController | undefined;
  #failed = false;

  #dot = h("span", { class: "dot none", part: "dot", "aria-hidden": "true" });
  #said = h("span", { class: "said", role: "status" });
  #button = h("button", { class: "bell", part: "bell", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
  #head = h("h2");
  #readAll = h("button", { class: "link", type: "button" });
  #items = h("ul", { part: "list" });
  #more = h("button", { class: "more", type: "button", hidden: true });
  #panel = h("div", { class: "panel", part: "panel", role: "dialog", hidden: true });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    // A sheet rather than a <style>: a strict Content-Security-Policy allows it.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    this.#button.innerHTML = BELL;
    this.#button.append(this.#dot);
    this.#panel.append(h("header", {}, this.#head, this.#readAll), this.#items, this.#more);
    root.append(this.#button, this.#said, this.#panel);
    this.#button.onclick = () => (this.#panel.hidden ? void this.open() : this.close());
    this.#readAll.onclick = () => void this.#client?.inbox.readAll().catch(() => this.#fail());
    this.#more.onclick = () => void this.#list?.more().catch(() => this.#fail());
    this.addEventListener("keydown", (e) => this.#panel.hidden || this.#key(e));
  }

  get client(): Reddot | undefined {
    return this.#client;
  }

  set client(client: Reddot | undefined) {
    this.#detach();
    this.#client = client;
    if (client && this.isConnected) this.#attach(client);
  }

  connectedCallback(): void {
    if (this.#client) return this.#attach(this.#client);
    // A page that sets `client` or `token` right after making the element comes first.
    queueMicrotask(() => {
      if (this.#client || !this.isConnected) return;
      this.client = new Reddot(this.#options());
      this.#own = true;
    });
  }

  disconnectedCallback(): void {
    this.close();
    this.#detach();
  }

  /** Opens the inbox; what it shows counts as seen. */
  async open(): Promise<void> {
    this.#panel.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#away = new AbortController();
    const { signal } = this.#away;
    document.addEventListener("pointerdown", (e) => e.composedPath().includes(this) || this.close(), { signal });
    this.#render();
    try {
      this.#failed = false;
      await this.#list?.load();
      const unseen = this.#list?.messages.filter((m) => m.state === "unseen").map((m) => m.id) ?? [];
      if (unseen.length) await this.#client?.inbox.seen(unseen);
    } catch {
      this.#fail();
    }
  }

  close(): void {
    const focused = this.shadowRoot?.activeElement;
    this.#panel.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    this.#away?.abort();
    if (focused && this.#panel.contains(focused)) this.#button.focus();
  }

  #options(): Options {
    const [url, user, transports] = ["url", "user", "transports"].map((name) => this.getAttribute(name));
    return {
      ...(url && { url }),
      ...(user && { user }),
      ...(this.token && { token: this.token }),
      ...(transports && { transports: transports.split(",").map((t) => t.trim() as TransportName) }),
    };
  }

  #attach(client: Reddot): void {
    this.#list = new MessageList(client, { limit: PAGE }, () => this.#render());
    this.#stop = client.on("counts", () => this.#count());
    this.#count();
    this.#render();
  }

  #detach(): void {
    this.#stop?.();
    this.#list?.close();
    if (this.#own) this.#client?.close();
    if (this.#own) this.#client = undefined;
    this.#own = false;
  }

  #count(): void {
    const unread = this.#client?.counts?.unread ?? 0;
    this.#dot.textContent = unread ? String(unread) : this.#dot.textContent;
    this.#dot.classList.toggle("none", !unread);
    this.#readAll.toggleAttribute("disabled", !unread);
    this.#said.textContent = this.texts.unread(unread);
    this.#button.setAttribute("aria-label", `${this.texts.inbox}: ${this.texts.unread(unread)}`);
  }

  #fail(): void {
    this.#failed = true;
    this.#render();
  }

  #render(): void {
    const { inbox, readAll, empty, more, failed } = this.texts;
    this.#head.textContent = inbox;
    this.#panel.setAttribute("aria-label", inbox);
    this.#readAll.textContent = readAll;
    this.#more.textContent = more;
    this.#more.hidden = !this.#list?.next;
    if (this.#panel.hidden) return;
    const focused = (this.shadowRoot?.activeElement as HTMLElement | null)?.dataset?.id;
    const items = this.#list?.messages.map((m) => this.#item(m)) ?? [];
    const note = this.#failed ? failed : empty;
    this.#items.replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, note)]));
    // The list is built anew, but who reads it with the keyboard stays where they were.
    if (focused) this.#buttons().find((b) => b.dataset.id === focused)?.focus();
  }

  #item(m: Message): HTMLLIElement {
    const unread = isUnread(m);
    const button = h(
      "button",
      { class: unread ? "item unread" : "item", type: "button", "data-id": m.id, part: "message" },
      unread ? h("span", { class: "said" }, this.texts.isUnread) : undefined,
      h("span", { class: "title" }, m.title ?? m.body ?? ""),
      h("time", { datetime: m.created_at }, ago(m.created_at, Date.now())),
      m.title && m.body ? h("span", { class: "body" }, m.body) : undefined,
    );
    button.onclick = () => this.#choose(m);
    return h("li", {}, button);
  }

  #choose(m: Message): void {
    if (isUnread(m)) void this.#client?.inbox.read(m.id).catch(() => this.#fail());
    const event = new CustomEvent("reddot-open", { detail: m, bubbles: true, composed: true, cancelable: true });
    const address = webAddress(m.url);
    if (this.dispatchEvent(event) && address) location.assign(address);
  }

  #key(e: KeyboardEvent): void {
    const items = this.#buttons();
    const at = items.indexOf(this.shadowRoot?.activeElement as HTMLButtonElement);
    const goto: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    if (e.key === "Escape") this.close();
    else if (e.key in goto) items[Math.max(0, Math.min(goto[e.key]!, items.length - 1))]?.focus();
    else return;
    e.preventDefault();
  }

  #buttons(): HTMLButtonElement[] {
    return [...this.#items.querySelectorAll<HTMLButtonElement>(".item")];
  }
}

/** A message's URL comes from outside: only web addresses are followed, never a script. */
function webAddress(url: string | undefined): string | undefined {
  if (!url || !URL.canParse(url, location.href)) return undefined;
  const { href, protocol } = new URL(url, location.href);
  return protocol === "https:" || protocol === "http:" ? href : undefined;
}

customElements.define("reddot-bell", ReddotBell);

declare global {
  interface HTMLElementTagNameMap {
    "reddot-bell": ReddotBell;
  }
}
