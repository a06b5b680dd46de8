import { h } from "../src/dom.ts";
import type { Message } from "../src/events.ts";
import type { Reddot } from "../src/index.ts";
import { ago, isUnread, MessageList } from "../src/list.ts";

const PAGE = 30;

/** How often "5 min ago" is told anew, in milliseconds. */
const MINUTE = 60_000;

/** InboxView lists the user's messages with what can be done to each. */
export class InboxView {
  #root: HTMLElement;
  #readAll: HTMLButtonElement;
  #client: Reddot;
  #list: MessageList;

  constructor(root: HTMLElement, readAll: HTMLButtonElement, client: Reddot) {
    this.#root = root;
    this.#readAll = readAll;
    this.#client = client;
    this.#list = new MessageList(client, { limit: PAGE }, () => this.#render());
    readAll.onclick = () => {
      readAll.disabled = true;
      client.inbox.readAll().catch(() => (readAll.disabled = false));
    };
    client.on("counts", (c) => (readAll.disabled = !c.unread));
    // A page that was loaded while the server was away fills as soon as it is back.
    client.on("state", (s) => s === "live" && void this.start());
    setInterval(() => this.#render(), MINUTE);
  }

  async start(): Promise<void> {
    await this.#list.load().catch(() => this.#render());
  }

  #render(): void {
    const { messages, next } = this.#list;
    this.#readAll.disabled = !this.#client.counts?.unread;
    const more = h("button", { class: "link", type: "button" }, "Show more");
    more.onclick = () => void this.#list.more().catch(() => this.#render());
    this.#root.replaceChildren(
      ...messages.map((m) => this.#item(m)),
      ...(messages.length ? [] : [h("li", { class: "empty" }, "Nothing here yet. Publish something.")]),
      ...(next ? [h("li", { class: "empty" }, more)] : []),
    );
  }

  #item(m: Message): HTMLElement {
    const unread = isUnread(m);
    const { inbox } = this.#client;
    const act = (name: string, label: string, run: () => Promise<unknown>) => {
      const button = h("button", { class: "link", type: "button", "data-act": name }, label);
      button.onclick = () => {
        button.disabled = true;
        run().catch(() => (button.disabled = false));
      };
      return button;
    };
    return h(
      "li",
      { class: unread ? "message unread" : "message", "data-id": m.id },
      h(
        "div",
        { class: "text" },
        h("strong", {}, m.title ?? m.body ?? "(data)"),
        m.title && m.body ? h("p", {}, m.body) : undefined,
        h(
          "small",
          {},
          m.category && m.category !== "default" ? h("span", { class: "tag" }, m.category) : undefined,
          m.priority && m.priority !== "normal" ? h("span", { class: "tag " + m.priority }, m.priority) : undefined,
          h("time", { datetime: m.created_at }, ago(m.created_at, Date.now())),
        ),
      ),
      h(
        "div",
        { class: "acts" },
        unread ? act("read", "Read", () => inbox.read(m.id)) : act("unread", "Unread", () => inbox.unread(m.id)),
        act("archive", "Archive", () => inbox.archive(m.id)),
      ),
    );
  }
}
