import type { Reddot } from "../src/index.ts";
import { NEWS } from "./publish.ts";

/** Follow is the switch by which the user follows the news. */
export class Follow {
  #box: HTMLInputElement;
  #client: Reddot;

  constructor(box: HTMLInputElement, client: Reddot) {
    this.#box = box;
    this.#client = client;
    box.onchange = () => void this.#change(box.checked);
    client.on("state", (s) => s === "live" && void this.#show().catch(() => {})); // It shows nothing until it is known.
  }

  async #show(): Promise<void> {
    const { follows } = await this.#client.inbox.follows();
    this.#box.checked = follows.includes(NEWS);
    this.#box.disabled = false;
  }

  async #change(on: boolean): Promise<void> {
    this.#box.disabled = true;
    await this.#client.inbox.follow(NEWS, on).catch(() => (this.#box.checked = !on));
    this.#box.disabled = false;
  }
}
