/**
 * The bell's look. What a page may want to change is a custom property; light and dark follow its `color-scheme`. The inner
 * names are apart from the page's, which could be set on the same element and would then refer to themselves.
 */
export const css = `
:host {
  --_accent: var(--reddot-accent, #d92d28);
  --_strong: var(--reddot-accent, light-dark(#c92520, #ff7b74));
  --_fg: var(--reddot-fg, light-dark(#1c1c1e, #ececee));
  --_bg: var(--reddot-bg, light-dark(#fff, #1c1d20));
  --_muted: var(--reddot-muted, light-dark(#6b6b70, #98989f));
  --_line: var(--reddot-line, light-dark(#e6e5e1, #2e3034));
  --_hover: var(--reddot-hover, light-dark(#f5f4f1, #26282c));
  --_radius: var(--reddot-radius, 14px);
  position: relative;
  display: inline-block;
  font: var(--reddot-font, 14px/1.45 system-ui, sans-serif);
  color: var(--_fg);
}
[hidden], :host([hidden]) { display: none !important }
button { all: unset; box-sizing: border-box; cursor: pointer }
.item { cursor: pointer }
button:focus-visible, a:focus-visible { outline: 2px solid var(--_accent); outline-offset: -2px; border-radius: 8px }
.bell { position: relative; display: grid; place-items: center; width: 40px; height: 40px; border-radius: 50% }
.bell:hover { background: var(--_hover) }
.bell:focus-visible { border-radius: 50% }
svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round }
.dot {
  position: absolute; top: 0; inset-inline-end: 0; min-width: 18px; height: 18px; padding: 0 5px; box-sizing: border-box;
  border-radius: 9px; background: var(--_accent); color: #fff; font-size: 11px; font-weight: 650; line-height: 18px;
  text-align: center; font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px var(--_bg);
  transition: scale .25s cubic-bezier(.3, 1.6, .5, 1);
}
.dot.none { scale: 0 }
.panel {
  position: fixed; z-index: 2147483647; inset: auto; margin: 0; padding: 0; box-sizing: border-box;
  width: min(var(--reddot-width, 360px), calc(100vw - 16px)); max-height: 520px; display: flex; flex-direction: column; overflow: hidden;
  color: var(--_fg); background: var(--_bg); border: 1px solid var(--_line); border-radius: var(--_radius); box-shadow: 0 12px 40px rgb(0 0 0 / .18);
  outline: none;
}
.panel.sheet {
  inset: auto 0 0 0; width: 100%; max-width: none; max-height: 80dvh; border-width: 1px 0 0; border-radius: var(--_radius) var(--_radius) 0 0;
  padding-bottom: env(safe-area-inset-bottom);
}
.panel.sheet::backdrop { background: rgb(0 0 0 / .4) }
.top { flex: none; display: flex; justify-content: space-between; align-items: center; gap: 12px; padding: 12px 16px; border-bottom: 1px solid var(--_line) }
strong { font-size: 15px; font-weight: 650 }
.link { color: var(--_strong); font-size: 13px; padding: 4px 6px; margin: -4px -6px }
.link:hover { text-decoration: underline }
.link[disabled] { color: var(--_muted); cursor: default; text-decoration: none }
.top strong { flex: 1 }
.gear { display: grid; place-items: center; width: 28px; height: 28px; margin: -4px -6px -4px -2px; border-radius: 8px; color: var(--_muted) }
.gear svg { width: 18px; height: 18px }
.gear:hover, .gear[aria-pressed="true"] { background: var(--_hover); color: var(--_fg) }
.prefs { overflow-y: auto; overscroll-behavior: contain; padding: 8px 16px 14px }
table { width: 100%; border-collapse: collapse }
th { padding: 4px 0; font-weight: 400; text-align: start; overflow-wrap: anywhere }
th[scope="col"] { color: var(--_muted); font-size: 12px; text-align: center }
td { width: 56px; padding: 0; text-align: center }
tr > td:first-child { width: auto }
label input { margin: 0 }
td input { display: block; margin: 8px auto }
fieldset { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 6px 12px; min-height: 34px; margin: 10px 0 0; padding: 10px 0 0; border: 0; border-top: 1px solid var(--_line) }
label { display: flex; align-items: center; gap: 8px }
label:has(select) { flex: 1; justify-content: space-between }
.times { display: flex; align-items: center; gap: 6px; color: var(--_muted) }
input, select { font: inherit; color: inherit; accent-color: var(--_accent) }
input[type="checkbox"] { width: 16px; height: 16px; margin-block: 0 }
input[type="time"], select { max-width: 100%; padding: 4px 6px; border: 1px solid var(--_line); border-radius: 8px; background: var(--_bg) }
input:focus-visible, select:focus-visible { outline: 2px solid var(--_accent); outline-offset: 1px }
.note { flex: none; margin: 0; padding: 8px 16px; font-size: 13px; background: var(--_hover); border-bottom: 1px solid var(--_line) }
ul { margin: 0; padding: 0; overflow-y: auto; overscroll-behavior: contain; list-style: none }
li { position: relative; display: flex }
.item { flex: 1; display: grid; min-width: 0; grid-template-columns: 8px 1fr auto; gap: 2px 10px; padding: 11px 40px 11px 16px; overflow-wrap: anywhere; color: inherit; text-decoration: none; text-align: start }
.item:dir(rtl) { padding: 11px 16px 11px 40px }
li + li { border-top: 1px solid var(--_line) }
li:hover { background: var(--_hover) }
.item::before { content: ""; width: 8px; height: 8px; margin-top: 6px; border-radius: 50% }
.item.unread::before { background: var(--_accent) }
.title, .body { text-align: match-parent; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden }
.title { font-weight: 500 }
.unread .title { font-weight: 650 }
.body { grid-column: 2 / 4; color: var(--_muted) }
time { color: var(--_muted); font-size: 12px; line-height: 20px; white-space: nowrap }
.archive { position: absolute; inset-inline-end: 8px; top: 8px; width: 26px; height: 26px; border-radius: 8px; text-align: center; font-size: 17px; line-height: 26px; color: var(--_muted) }
.archive:hover { background: var(--_line); color: var(--_fg) }
.empty, .more { padding: 28px 16px; text-align: center; color: var(--_muted) }
.empty { display: block }
.empty:hover { background: none }
.retry { display: block; width: fit-content; margin: 10px auto 0 }
.more { flex: none; padding: 12px 16px; border-top: 1px solid var(--_line); color: var(--_strong) }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
@media (prefers-reduced-motion: reduce) { .dot { transition: none } }
`;
