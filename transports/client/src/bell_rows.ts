import type { BellTexts } from "./bell_texts.ts";
import { h } from "./dom.ts";
import type { Message } from "./events.ts";
import { ago, isUnread } from "./list.ts";

/** What can be done to a row. */
export interface Acts {
  /** `plain`: the row is to be opened here, not in another tab. */
  choose(m: Message, e: MouseEvent, plain: boolean): void;
  archive(m: Message): void;
}

interface Row {
  element: HTMLLIElement;
  message: Message;
  texts: BellTexts;
}

/** Rows keeps the elements of the messages: one that has not changed stays, so that a click or the focus on it is not lost. */
export class Rows {
  #rows = new Map<string, Row>();
  #acts: Acts;

  constructor(acts: Acts) {
    this.#acts = acts;
  }

  elements(messages: Message[], texts: BellTexts): HTMLLIElement[] {
    const rows = new Map<string, Row>();
    for (const m of messages) {
      const old = this.#rows.get(m.id);
      const same = old && old.message === m && old.texts === texts;
      rows.set(m.id, same ? old : { element: this.#row(m, texts), message: m, texts });
    }
    this.#rows = rows;
    return [...rows.values()].map((r) => r.element);
  }

  /** Says anew how long ago the messages came. */
  refresh(lang: string): void {
    for (const { element, message } of this.#rows.values()) {
      element.querySelector("time")!.textContent = ago(message.created_at, Date.now(), lang);
    }
  }

  #row(m: Message, texts: BellTexts): HTMLLIElement {
    const unread = isUnread(m);
    const name = m.title || m.body || m.category || texts.message;
    const address = webAddress(m.url);
    const time = new Date(m.created_at);
    const item = h(
      address ? "a" : "button",
      { class: unread ? "item unread" : "item", type: address ? undefined : "button", href: address, "data-id": m.id, part: "message" },
      unread ? h("span", { class: "said" }, texts.isUnread) : undefined,
      h("span", { class: "title", dir: "auto" }, name),
      h("time", { datetime: m.created_at, title: isNaN(+time) ? undefined : time.toLocaleString() }),
      m.title && m.body ? h("span", { class: "body", dir: "auto" }, m.body) : undefined,
    );
    item.onclick = (e) => this.#acts.choose(m, e, !(e.ctrlKey || e.metaKey || e.shiftKey || e.altKey));
    // The middle button opens a link in a new tab.
    item.onauxclick = (e) => e.button === 1 && address && this.#acts.choose(m, e, false);
    const archive = h("button", { class: "archive", type: "button", "aria-label": `${texts.archive}: ${name}`, title: texts.archive }, "×");
    archive.onclick = () => this.#acts.archive(m);
    return h("li", {}, item, archive);
  }
}

/** A message's URL comes from outside: only web addresses are followed, never a script. */
function webAddress(url: string | undefined): string | undefined {
  try {
    const { href, protocol } = new URL(url!, location.href);
    return url && /^https?:$/.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}
