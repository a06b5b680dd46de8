/** Where the unread count shows outside the page. All of them unless switched off. */
export interface BadgeOptions {
  /** A red dot on the tab's icon. */
  favicon?: boolean;
  /** "(3) " before the page's title. */
  title?: boolean;
  /** The count on an installed app's icon. */
  app?: boolean;
}

/** Shows the count in the title, without touching what the page itself says there. */
export function withPrefix(title: string, unread: number): string {
  const plain = title.replace(/^\(\d+\) /, "");
  return unread ? `(${unread}) ${plain}` : plain;
}

/** Badge shows the unread count on the tab and on the app's icon. */
export class Badge {
  #on: Required<BadgeOptions>;
  #unread = 0;
  #icon: string | undefined;
  #titles: MutationObserver | undefined;

  constructor(on: BadgeOptions = {}) {
    this.#on = { favicon: true, title: true, app: true, ...on };
  }

  show(unread: number): void {
    const dotted = this.#unread > 0;
    this.#unread = unread;
    if (this.#on.title) this.#title();
    if (this.#on.favicon && dotted !== unread > 0) void this.#favicon();
    // Refused where the app is not installed: then there is no icon to badge.
    if (this.#on.app) void navigator.setAppBadge?.(unread).catch(() => {});
  }

  /** Puts everything back. */
  clear(): void {
    this.show(0);
    this.#titles?.disconnect();
    this.#titles = undefined;
  }

  #title(): void {
    const title = withPrefix(document.title, this.#unread);
    if (title !== document.title) document.title = title;
    if (this.#titles) return;
    // Pages with a router set their title themselves; the prefix comes back.
    this.#titles = new MutationObserver(() => this.#title());
    this.#titles.observe(document.head, { childList: true, subtree: true, characterData: true });
  }

  async #favicon(): Promise<void> {
    const link = document.querySelector<HTMLLinkElement>('link[rel~="icon"]') ?? document.createElement("link");
    this.#icon ??= link.href || "/favicon.ico";
    if (!link.isConnected) document.head.append(Object.assign(link, { rel: "icon" }));
    const icon = this.#unread ? await dotted(this.#icon) : this.#icon;
    // The count may have changed while the icon was loading.
    if (this.#unread > 0 === (icon !== this.#icon)) link.href = icon;
  }
}

/** The icon with a red dot in its corner; without a usable icon, the dot alone. */
async function dotted(icon: string): Promise<string> {
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
