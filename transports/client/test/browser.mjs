// Finds and starts a Chromium with a profile of its own, which is gone afterwards.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

function executable() {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return CHROMIUM;
  if (existsSync("/usr/bin/chromium")) return "/usr/bin/chromium";
  return execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
}

/** A browser context; close() also removes its profile. */
export async function launch(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "reddot-e2e-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath: executable(), args: FLAGS, ...options });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, close };
}
