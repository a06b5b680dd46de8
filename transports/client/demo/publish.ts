/** PublishForm sends one message to the user, as a back end would: by HTTP. */
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
    const fields = [...new FormData(this.#form)].filter(([, value]) => value !== "");
    const at = performance.now();
    try {
      const res = await fetch(this.#path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(Object.fromEntries(fields)),
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
