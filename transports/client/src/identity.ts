import type { Counts } from "./events.ts";
import { ask, type Account } from "./request.ts";
import { Tokens, type TokenSource } from "./tokens.ts";

/** Who the server says that the user is: `app/user`. */
const USER = "Reddot-User";

export interface AccountOptions {
  url?: string | undefined;
  user?: string | undefined;
  token?: TokenSource | undefined;
  credentials?: RequestCredentials | undefined;
}

/**
 * Identity is who the user is: by whose token, at which address, and who that is in the server's words. `me` is only used until the
 * server has said whom it means: from then on a request with another's token or cookie is refused, instead of
 * answered with another's inbox.
 */
export class Identity implements Account {
  readonly tokens: Tokens;
  readonly credentials: RequestCredentials | undefined;
  /** Server, app and user, once the server has confirmed them. */
  name: string | undefined;
  base: string;
  #users: string;
  #user: string;
  #changed: () => void;
  #asking: Promise<Counts> | undefined;

  /** `changed` is called when the user turns out to be another one than before. */
  constructor({ url, user = "me", token, credentials }: AccountOptions, changed: () => void) {
    const here = globalThis.location?.href;
    const root = new URL(url ?? globalThis.location?.origin ?? "http://localhost", here).href.replace(/\/$/, "");
    this.#users = root + "/v1/users/";
    this.#user = user;
    this.#changed = changed;
    this.base = this.#users + encodeURIComponent(user);
    this.credentials = credentials;
    this.tokens = new Tokens(token, () => this.#reset());
  }

  token(stale?: string): Promise<string | undefined> {
    return this.tokens.get(stale);
  }

  accepted(): void {
    this.tokens.accepted();
  }

  /** Asks the server who the user is. Resolves to the counts. */
  confirm(): Promise<Counts> {
    return (this.#asking ??= this.#confirm().finally(() => (this.#asking = undefined)));
  }

  /** A request was refused: perhaps somebody else has signed in, whose cookie goes along. */
  async forbidden(): Promise<boolean> {
    const { base } = this;
    if (this.#user !== "me" || !this.name) return false;
    await this.confirm();
    return base !== this.base;
  }

  async #confirm(): Promise<Counts> {
    // An account without its own remedies: what asks who the user is must not be answered by asking.
    const asked: Account = {
      base: this.#users + encodeURIComponent(this.#user),
      credentials: this.credentials,
      token: (stale) => this.token(stale),
      accepted: () => this.accepted(),
    };
    const { headers, body } = await ask(asked, "GET", "/counts");
    const who = headers.get(USER);
    const before = this.name;
    // A proxy may have dropped the header. Then nothing is confirmed, and nothing is shared.
    this.name = who ? `${this.#users}${who}` : undefined;
    if (who && this.#user === "me") this.base = this.#users + encodeURIComponent(who.slice(who.indexOf("/") + 1));
    if (before && before !== this.name) this.#changed();
    return JSON.parse(body) as Counts;
  }

  #reset(): void {
    this.name = undefined;
    this.base = this.#users + encodeURIComponent(this.#user);
    this.#changed();
  }
}
