// Builds dist/: the client, the bell, the demo page. `node build.mjs --watch` rebuilds on change.
import { context } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** The client's promise: bytes after gzip. */
const LIMIT = 10 * 1024;

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

/** What is shared at run time is imported from the server, not bundled twice. */
const served = {
  name: "served",
  setup(build) {
    build.onResolve({ filter: /\/(index|bell|mqtt)\.ts$/ }, ({ path, kind }) => {
      if (kind === "entry-point") return undefined;
      const name = path.split("/").at(-1);
      return { path: { "index.ts": "./reddot.js", "bell.ts": "./reddot-bell.js", "mqtt.ts": "./demo-mqtt.js" }[name], external: true };
    });
  },
};

async function clean() {
  await mkdir(dist, { recursive: true });
  for (const name of await readdir(dist)) if (name !== ".keep") await rm(join(dist, name), { recursive: true });
}

async function weigh(names) {
  for (const name of names) {
    const body = await readFile(join(dist, name));
    const size = gzipSync(body, { level: 9 }).length;
    console.log(`${name.padEnd(16)} ${String(body.length).padStart(6)} bytes, ${String(size).padStart(5)} compressed`);
    if (name.startsWith("reddot") && size >= LIMIT) throw new Error(`${name} is not below ${LIMIT} bytes compressed`);
  }
}

await clean();
const watch = process.argv.includes("--watch");
const build = await context({
  absWorkingDir: here,
  entryPoints: [
    { in: "src/index.ts", out: "reddot" },
    { in: "src/bell.ts", out: "reddot-bell" },
    { in: "demo/demo.ts", out: "demo" },
    { in: "demo/mqtt.ts", out: "demo-mqtt" },
    { in: "demo/demo.css", out: "demo" },
  ],
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  plugins: [served],
});
await build.rebuild();
await copyFile(join(here, "demo/index.html"), join(dist, "index.html"));
await copyFile(join(here, "demo/favicon.svg"), join(dist, "favicon.svg"));
await weigh(["reddot.js", "reddot-bell.js", "demo.js", "demo-mqtt.js", "demo.css"]);
if (watch) await build.watch();
else await build.dispose();
