import type { BellTexts } from "./bell_texts.ts";
import { h } from "./dom.ts";
import type { Inbox, Preferences, Switches } from "./inbox.ts";

/** What the preferences need of their bell. */
export interface Desk {
  inbox(): Inbox | undefined;
  /** The channels that the page wants to be shown. */
  channels(): string[];
  /** The categories of the messages that are known. */
  categories(): string[];
  /** A change was made, or could not be. */
  told(done: boolean): void;
}

/** For how long somebody may be left in peace, in hours. */
const PEACE = [1, 8, 24, 168];

const HOUR = 3_600_000;

/** The quiet hours of whoever switches them on. */
const NIGHT = { from: "22:00", to: "08:00" };

/**
 * Prefs is the form of a user's preferences: which categories may come by which channel, quiet hours, mute. Each change is made at once.
 * What it does not show, such as preferences of tenants, it leaves as it is.
 */
export class Prefs {
  readonly element = h("form", { class: "prefs", part: "preferences", hidden: true });
  #desk: Desk;
  #texts: BellTexts | undefined;
  #lang = "";
  #prefs: Preferences = {};
  #saves: Promise<unknown> = Promise.resolve();
  #opened = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
    this.element.onsubmit = (e) => e.preventDefault();
  }

  get shown(): boolean {
    return !this.element.hidden;
  }

  /** Asks for the preferences, and shows them. */
  async open(texts: BellTexts, lang: string): Promise<void> {
    const opened = ++this.#opened;
    [this.#texts, this.#lang] = [texts, lang];
    this.element.hidden = false;
    this.element.replaceChildren(h("p", { class: "empty" }, texts.loading));
    await this.#saves.catch(() => {}); // What was changed last is to be in the answer.
    const answer = await this.#desk.inbox()?.preferences().catch(() => undefined);
    if (opened !== this.#opened) return;
    if (answer) {
      this.#prefs = answer;
      return this.#draw();
    }
    const retry = h("button", { class: "link retry", type: "button" }, texts.retry);
    retry.onclick = () => void this.open(texts, lang);
    this.element.replaceChildren(h("p", { class: "empty" }, texts.prefsFailed, retry));
  }

  close(): void {
    this.#opened++;
    this.element.hidden = true;
  }

  /** Says the same in other words. */
  speak(texts: BellTexts, lang: string): void {
    if (!this.shown || (texts === this.#texts && lang === this.#lang)) return;
    void this.open(texts, lang);
  }

  #draw(): void {
    this.element.replaceChildren(this.#table(), this.#quiet(), this.#mute());
  }

  /** A row for all messages and one a category, a column a channel. */
  #table(): HTMLTableElement {
    const texts = this.#texts!;
    const { channels, categories } = this.#prefs;
    const used = [channels ?? {}, ...Object.values(categories ?? {})].flatMap((s) => Object.keys(s));
    const columns = [...new Set([...this.#desk.channels(), ...used])];
    const rows = [...new Set([...this.#desk.categories(), ...Object.keys(categories ?? {})])].sort();
    const head = h("tr", {}, h("td"), ...columns.map((c) => h("th", { scope: "col" }, texts.channel(c))));
    const table = h("table", {}, head);
    const add = (name: string, category?: string) => {
      const cells = columns.map((channel) => h("td", {}, this.#box(name, channel, category)));
      table.append(h("tr", {}, h("th", { scope: "row", dir: "auto" }, name), ...cells));
    };
    add(texts.allMessages);
    for (const category of rows) add(category, category);
    return table;
  }

  #box(name: string, channel: string, category: string | undefined): HTMLInputElement {
    const box = h("input", { type: "checkbox", "aria-label": `${name}, ${this.#texts!.channel(channel)}`, "data-channel": channel, "data-category": category });
    box.checked = this.#allows(channel, category);
    box.onchange = () => {
      this.#switch(channel, category, box.checked);
      this.#save();
      // A category that says nothing of its own follows what holds for all.
      for (const other of this.element.querySelectorAll<HTMLInputElement>("[data-channel]")) {
        other.checked = this.#allows(other.dataset.channel!, other.dataset.category);
      }
    };
    return box;
  }

  #allows(channel: string, category: string | undefined): boolean {
    const { channels, categories } = this.#prefs;
    const own = category === undefined ? undefined : categories?.[category]?.[channel];
    return own ?? channels?.[channel] ?? true;
  }

  #switch(channel: string, category: string | undefined, on: boolean): void {
    const set = (switches: Switches | undefined) => ({ ...switches, [channel]: on });
    const { channels, categories } = this.#prefs;
    if (category === undefined) this.#prefs = { ...this.#prefs, channels: set(channels) };
    else this.#prefs = { ...this.#prefs, categories: { ...categories, [category]: set(categories?.[category]) } };
  }

  #quiet(): HTMLFieldSetElement {
    const texts = this.#texts!;
    const on = h("input", { type: "checkbox", name: "quiet" });
    on.checked = !!this.#prefs.quiet_hours;
    const at = (name: "from" | "to") => {
      const field = h("input", { type: "time", name, required: true, "aria-label": texts[name] });
      field.value = (this.#prefs.quiet_hours ?? NIGHT)[name];
      field.onchange = () => field.value && this.#setQuiet({ ...this.#prefs.quiet_hours!, [name]: field.value });
      return field;
    };
    const times = h("span", { class: "times" }, at("from"), "–", at("to"));
    times.hidden = !on.checked;
    on.onchange = () => {
      times.hidden = !on.checked;
      const [from, to] = [...times.querySelectorAll("input")].map((f) => f.value);
      this.#setQuiet(on.checked ? { from: from || NIGHT.from, to: to || NIGHT.to, zone: Intl.DateTimeFormat().resolvedOptions().timeZone } : undefined);
    };
    return h("fieldset", {}, h("label", {}, on, texts.quietHours), times);
  }

  #setQuiet(quiet: Preferences["quiet_hours"]): void {
    const { quiet_hours: _, ...rest } = this.#prefs;
    this.#prefs = quiet ? { ...rest, quiet_hours: quiet } : rest;
    this.#save();
  }

  #mute(): HTMLFieldSetElement {
    const texts = this.#texts!;
    const until = Date.parse(this.#prefs.muted_until ?? "");
    const select = h("select", { name: "mute" }, h("option", { value: "" }, texts.notMuted));
    if (until > Date.now()) {
      const words = new Date(until).toLocaleString(this.#lang, { dateStyle: "medium", timeStyle: "short" });
      select.append(h("option", { value: "now", selected: true }, texts.mutedUntil(words)));
    }
    select.append(...PEACE.map((hours) => h("option", { value: String(hours) }, texts.muteFor(hours))));
    select.onchange = () => {
      if (select.value === "now") return;
      const { muted_until: _, ...rest } = this.#prefs;
      this.#prefs = select.value ? { ...rest, muted_until: new Date(Date.now() + Number(select.value) * HOUR).toISOString() } : rest;
      this.#save();
    };
    return h("fieldset", {}, h("label", {}, texts.mute, select));
  }

  /** Makes the changes, one after the other: each says all that holds. */
  #save(): void {
    const prefs = this.#prefs;
    const inbox = this.#desk.inbox();
    this.#saves = this.#saves.catch(() => {}).then(() => (prefs === this.#prefs ? inbox?.preferences(prefs) : undefined));
    this.#saves.then(
      () => this.#desk.told(true),
      () => {
        this.#desk.told(false);
        if (this.shown) void this.open(this.#texts!, this.#lang); // It shows what holds.
      },
    );
  }
}
