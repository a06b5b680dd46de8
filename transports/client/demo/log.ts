import { h } from "../src/dom.ts";

const LINES = 200;

/** Log lists what happened to the connections, the newest first. */
export class Log {
  #list: HTMLElement;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  add(who: string, what: string, why: (string | undefined)[]): void {
    const time = new Date();
    const clock = time.toLocaleTimeString(undefined, { hour12: false });
    const text = why.filter((w) => w).join(", ");
    this.#list.prepend(
      h(
        "li",
        { "data-state": what },
        h("time", { datetime: time.toISOString() }, clock),
        h("span", { class: "who" }, who),
        h("span", { class: "what" }, what),
        h("span", { class: "why" }, text),
      ),
    );
    while (this.#list.childElementCount > LINES) this.#list.lastElementChild?.remove();
  }

  clear(): void {
    this.#list.replaceChildren();
  }
}
