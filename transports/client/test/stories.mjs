// Stories of pages that meet the client and the bell, in a real browser:
// node test/stories.mjs [--browser chromium|firefox] [--only TEXT] [--shots DIR]
//
// In Firefox the core ones run. CHROMIUM and FIREFOX name the programs.
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";
import { launchFirefox } from "./firefox.mjs";
import { host } from "./host.mjs";
import { serve } from "./mock.mjs";
import { bell } from "./stories/bell.mjs";
import { client } from "./stories/client.mjs";
import { examples } from "./stories/examples.mjs";
import { network } from "./stories/network.mjs";
import { tabs } from "./stories/tabs.mjs";


/** The longest that one may take, in milliseconds. */
const PATIENCE = 90_000;

const { values: args } = parseArgs({ options: { browser: { type: "string", default: "chromium" }, only: { type: "string" }, shots: { type: "string" } } });
if (args.shots) mkdirSync(args.shots, { recursive: true });

/** Opens pages, in one shape for both browsers. */
async function browser() {
  if (args.browser === "firefox") return launchFirefox(process.env.FIREFOX ?? "firefox-esr");
  const { context, close } = await launch({ viewport: { width: 1000, height: 700 } });
  const open = async (url) => {
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
  return { open, close, context, version: context.browser()?.version() ?? "" };
}

/** One story in a world of its own: a server, a web site. */
async function tell({ name, run }, b) {
  const server = await serve();
  const site = await host();
  const pages = [];
  const open = async (url = site.page("<!doctype html><title>page</title><body></body>")) => {
    const page = await b.open(url);
    pages.push(page);
    return page;
  };
  let late;
  try {
    const limit = new Promise((_, reject) => (late = setTimeout(() => reject(new Error("it took too long")), PATIENCE)));
    await Promise.race([run({ server, site, open, context: b.context, shots: args.shots }), limit]);
    return undefined;
  } catch (e) {
    return `${name}: ${e.stack ?? e}`;
  } finally {
    clearTimeout(late);
    for (const page of pages) await page.close().catch(() => {});
    await Promise.all([server.close(), site.close()]);
  }
}

const all = [...client, ...tabs, ...network, ...bell, ...examples].filter((s) => (args.browser === "chromium" || s.core) && (!args.only || s.name.includes(args.only)));
const b = await browser();
const failed = [];
try {
  for (const story of all) {
    const started = Date.now();
    const fault = await tell(story, b);
    console.log(`${fault ? "FAILED" : "ok"}  ${args.browser}: ${story.name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    if (fault) failed.push(fault);
  }
} finally {
  await b.close();
}
for (const fault of failed) console.log("\n" + fault);
console.log(`${all.length - failed.length} of ${all.length} stories passed in ${args.browser}`);
process.exitCode = failed.length ? 1 : 0;
