/** The topic that the page lets the user follow. */
export const NEWS = "news";

/** To whom a message may go, beside the user. */
const MANY: Record<string, object> = { all: { all: true }, topic: { topic: NEWS } };

/** PublishForm sends one message to the user, to everybody or to a topic's followers, as a back end would: by HTTP. */
export class PublishForm {
  #form: HTMLFormElement;
  #note: HTMLElement;
  #path: string;
  #sent: (id: string, at: number) => void;

  constructor(form: HTMLFormElement, note: HTMLElement, user: string, sent: (id: string, at: number) => void) {
    this.#form = form;
    this.#note = note;
    this.#path = `/v1/users/${encodeURIComponent(user)}/messages`;
    this.#sent = sent;
    form.querySelector<HTMLOptionElement>('[name="to"] option')!.text = user;
    form.onsubmit = (e) => {
      e.preventDefault();
      void this.#publish();
    };
  }

  /** The same from a terminal. */
  command(origin: string): string {
    return `curl -X POST ${origin}${this.#path} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"title":"Hello","category":"system"}'`;
  }

  async #publish(): Promise<void> {
    const fields: Record<string, unknown> = Object.fromEntries([...new FormData(this.#form)].filter(([, value]) => value !== ""));
    const to = MANY[String(fields.to ?? "")];
    if (to) fields.to = to;
    const at = performance.now();
    try {
      const res = await fetch(to ? "/v1/messages" : this.#path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(fields),
      });
      const answer = (await res.json()) as { id: string; outcome?: string; detail?: string; title?: string };
      if (!res.ok) throw new Error(answer.detail ?? answer.title ?? "HTTP " + res.status);
      this.#sent(answer.id, at);
      this.#say(`${answer.outcome ?? "accepted"} in ${Math.max(1, Math.round(performance.now() - at))} ms`);
    } catch (e) {
      this.#say(e instanceof Error ? e.message : String(e), true);
    }
  }

  #say(text: string, failed = false): void {
    this.#note.textContent = text;
    this.#note.classList.toggle("failed", failed);
  }
}
