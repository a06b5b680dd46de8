/** Where the unread count shows outside the page. All of them unless switched off. */
export interface BadgeOptions {
  /** A red dot on the tab's icon. */
  favicon?: boolean;
  /** "(3) " before the page's title. */
  title?: boolean;
  /** The count on an installed app's icon. */
  app?: boolean;
}

const EVERYWHERE: Required<BadgeOptions> = { favicon: true, title: true, app: true };

/** How many of the texts that were written are known again, when the page puts one of them back. */
const REMEMBERED = 20;

/** The first pause before a change of the page is answered, which doubles while somebody answers back. Milliseconds. */
const ANSWER = 30;
const CALM = 2000;

interface Share {
  inbox: string;
  unread: number;
  where: Required<BadgeOptions>;
}

/** An icon of the page: what the page says, and what was written over it. */
interface Icon {
  href: string | null;
  type: string | null;
  written: string;
}

/**
 * Page owns what a page has only one of: title, icon and the app's badge. All clients of the page share it, also those of a second
 * copy of this file. Clients of one inbox show one count; counts of different inboxes are summed.
 *
 * The page's own words stay the page's: whatever it writes meanwhile is shown with the count, and is there unchanged
 * when the last client has gone.
 */
class Page {
  #shares = new Map<object, Share>();
  #observer: MutationObserver | undefined;
  #title: { own: string; written: string; made: boolean } | undefined;
  #written = new Map<string, string>();
  #icons = new Map<HTMLLinkElement, Icon>();
  #made: HTMLLinkElement | undefined;
  #noDot = false;
  #app = 0;
  #answers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(client: object, share: Share): void {
    this.#shares.set(client, share);
    this.#render();
  }

  remove(client: object): void {
    if (this.#shares.delete(client)) this.#render();
  }

  #sum(where: keyof BadgeOptions): number {
    const inboxes = new Map<string, number>();
    for (const s of this.#shares.values()) if (s.where[where]) inboxes.set(s.inbox, s.unread);
    return [...inboxes.values()].reduce((a, b) => a + b, 0);
  }

  #render(): void {
    const [title, icon, app] = [this.#sum("title"), this.#sum("favicon"), this.#sum("app")];
    this.#count(title);
    void this.#dot(icon > 0 && !this.#noDot);
    // Refused where the app is not installed: then there is no icon to badge.
    if (app !== this.#app) void navigator.setAppBadge?.(app)?.catch(() => {});
    this.#app = app;
    if (title || icon) this.#watch();
    else {
      this.#observer?.disconnect();
      this.#observer = undefined;
    }
    // What was written here is no news.
    this.#observer?.takeRecords();
  }

  #count(unread: number): void {
    let element = document.head?.querySelector("title");
    const text = element?.textContent ?? "";
    if (!this.#title) {
      if (!unread) return;
      this.#title = { own: text, written: text, made: !element };
    } else if (text !== this.#title.written || !element) {
      // A router may put back what it found, with a count of then.
      this.#title = { own: this.#written.get(text) ?? text, written: text, made: false };
    }
    const { own, made } = this.#title;
    if (!unread) {
      if (made) element?.remove();
      else if (element && text !== own) element.textContent = own;
      this.#title = undefined;
      return;
    }
    const written = `(${unread}) ${own}`;
    element ??= document.head.appendChild(document.createElement("title"));
    if (text !== written) element.textContent = written;
    this.#title.written = written;
    this.#written.set(written, own);
    if (this.#written.size > REMEMBERED) this.#written.delete(this.#written.keys().next().value!);
  }

  async #dot(dotted: boolean): Promise<void> {
    const links = [...document.querySelectorAll<HTMLLinkElement>('link[rel~="icon"]')];
    if (!links.length && dotted) {
      this.#made = document.head.appendChild(Object.assign(document.createElement("link"), { rel: "icon" }));
      links.push(this.#made);
    }
    for (const link of this.#icons.keys()) if (!link.isConnected) this.#icons.delete(link);
    for (const link of links) {
      const href = link.getAttribute("href");
      let icon = this.#icons.get(link);
      if (icon && href !== icon.written) {
        this.#icons.delete(link);
        if (icon.type !== null && !link.type) link.type = icon.type;
        icon = undefined;
      }
      if (!dotted) this.#restore(link, icon);
      else if (!icon) await this.#cover(link, href);
    }
  }

  /** Puts the dot over an icon, unless the icon or the count has changed while it was drawn. */
  async #cover(link: HTMLLinkElement, href: string | null): Promise<void> {
    const dotted = await draw(href === null ? "/favicon.ico" : link.href);
    if (link.getAttribute("href") !== href || this.#icons.has(link) || !this.#sum("favicon") || this.#noDot) return;
    this.#icons.set(link, { href, type: link.getAttribute("type"), written: dotted });
    link.removeAttribute("type");
    link.setAttribute("href", dotted);
    this.#observer?.takeRecords();
  }

  #restore(link: HTMLLinkElement, icon: Icon | undefined): void {
    if (link === this.#made) {
      this.#made = undefined;
      this.#icons.delete(link);
      // Unless the page has taken it over.
      if (icon || !link.hasAttribute("href")) link.remove();
      return;
    }
    if (!icon) return;
    this.#icons.delete(link);
    if (icon.type !== null) link.setAttribute("type", icon.type);
    if (icon.href === null) link.removeAttribute("href");
    else link.setAttribute("href", icon.href);
  }

  #watch(): void {
    if (this.#observer) return;
    // Pages with a router set their title themselves; the count comes back, but never in the same turn: another
    // script of this kind would answer at once, and so on.
    this.#observer = new MutationObserver(() => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        setTimeout(() => this.#answers--, CALM);
        this.#render();
      }, Math.min(CALM, ANSWER * 2 ** this.#answers++));
    });
    this.#observer.observe(document.head, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["href", "rel"] });
    document.addEventListener("securitypolicyviolation", (e) => {
      // Without `img-src data:` the dot would be no icon at all.
      if (e.blockedURI !== "data" || this.#noDot) return;
      this.#noDot = true;
      this.#render();
    });
  }
}

/** The icon with a red dot in its corner; without a usable icon, the dot alone. */
async function draw(icon: string): Promise<string> {
  const size = 32;
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const g = canvas.getContext("2d")!;
  const image = Object.assign(new Image(), { crossOrigin: "anonymous", src: icon });
  const [x, r] = await image.decode().then(
    () => (g.drawImage(image, 0, 0, size, size), [size - 9, 9]),
    () => [size / 2, 12],
  );
  g.fillStyle = "#e5322d";
  g.beginPath();
  g.arc(x!, size - x!, r!, 0, 7);
  g.fill();
  return canvas.toDataURL();
}

/** One for all copies of this file that a page loads. */
const KEY = Symbol.for("reddot.page.1");

function page(): Page {
  const all = globalThis as { [KEY]?: Page };
  return (all[KEY] ??= new Page());
}

/** Badge is one client's part of what the page shows. */
export class Badge {
  #where: Required<BadgeOptions>;

  constructor(where: BadgeOptions = {}) {
    this.#where = { ...EVERYWHERE, ...where };
  }

  show(inbox: string, unread: number): void {
    page().show(this, { inbox, unread, where: this.#where });
  }

  clear(): void {
    page().remove(this);
  }
}
