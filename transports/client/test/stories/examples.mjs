// The examples, as a front-end developer has them: built by Vite, run against a server elsewhere.
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { until } from "./until.mjs";

const home = fileURLToPath(new URL("../../", import.meta.url));

/** Runs in a page: what the example shows. */
function look() {
  const bell = document.querySelector("reddot-bell")?.shadowRoot;
  return {
    dot: bell?.querySelector(".dot:not(.none)")?.textContent ?? "",
    rows: [...document.querySelectorAll("main > ul > li")].map((li) => li.textContent),
    title: document.title,
  };
}

function example(name) {
  return async ({ server, site, open }) => {
    const folder = join(home, "examples", name);
    await promisify(execFile)(process.execPath, [join(home, "node_modules/vite/bin/vite.js"), "build", "--config", "../vite.config.mjs", "--logLevel", "error"], { cwd: folder });
    for (const file of await readdir(join(folder, "dist/assets"))) {
      site.page(await readFile(join(folder, "dist/assets", file)), { "Content-Type": "text/javascript" }, "/assets/" + file);
    }
    server.user("alice").publish({ title: "for alice" });
    const page = site.page(await readFile(join(folder, "dist/index.html")));
    const tab = await open(page + "?server=" + encodeURIComponent(server.url));
    await until("alice's inbox is shown", () => tab.evaluate(look), (s) => s.dot === "1" && s.rows.join() === "for alice" && s.title === "(1) Shop", 30_000);
    server.user("alice").publish({ title: "news" });
    await until("news comes", () => tab.evaluate(look), (s) => s.dot === "2" && s.rows.join() === "news,for alice");
    server.user("bob").publish({ title: "for bob" });
    await tab.evaluate(() => document.querySelector("main > button").click());
    await until("bob's inbox takes its place", () => tab.evaluate(look), (s) => s.dot === "1" && s.rows.join() === "for bob" && s.title === "(1) Shop");
  };
}

export const examples = [
  { name: "the example in React", core: true, run: example("react") },
  { name: "the example in Vue", core: true, run: example("vue") },
];
