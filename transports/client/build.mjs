// Builds dist/: the client, the bell, the demo page. `node build.mjs --watch` rebuilds on change.
import { context } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { minify } from "terser";

/** The promises: bytes after brotli, as the server sends them to a browser that takes it. */
const LIMITS = { "reddot.js": 10 * 1024, "reddot-bell.js": 8 * 1024 };

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

/** What is shared at run time is imported from the server, not bundled twice. */
const served = {
  name: "served",
  setup(build) {
    build.onResolve({ filter: /\/(index|bell|iframe|mqtt)\.ts$/ }, ({ path, kind }) => {
      if (kind === "entry-point") return undefined;
      const name = path.split("/").at(-1);
      return { path: { "index.ts": "./reddot.js", "bell.ts": "./reddot-bell.js", "iframe.ts": "./reddot-iframe.js", "mqtt.ts": "./demo-mqtt.js" }[name], external: true };
    });
  },
};

/** What esbuild leaves, terser finds: 3 % of the client by brotli, more than its promise has to spare. */
const packed = {
  name: "packed",
  setup(build) {
    build.onEnd(async ({ errors }) => {
      for (const name of errors.length ? [] : await readdir(dist)) {
        if (!name.endsWith(".js")) continue;
        const { code } = await minify(await readFile(join(dist, name), "utf8"), { module: true, ecma: 2020, compress: { passes: 2 } });
        await writeFile(join(dist, name), code);
      }
    });
  },
};

/**
 * Properties whose names are shortened: those of objects that never leave the bundle. No name of the browser's, of the public types, of
 * what tabs say to each other or of what two copies of the file share may stand here.
 */
const INTERNAL =
  /^(onStatus|onEvent|onRefused|tokenLife|accepted|forbidden|backoffBase|backoffCap|opened|ended|granted|hear|tick|want|wake|alone|unlock|rest|pet|fire|due|cut|own|made|written|epoch|confirm|leading|ledger|position|accept|begin|life|lost|look|tabs|kick|renew|stop|start|tokens|patience|lead|tell|placed|early|heed|leave|fresh|emit|say|lock|first)$/;

async function clean() {
  await mkdir(dist, { recursive: true });
  for (const name of await readdir(dist)) if (name !== ".keep") await rm(join(dist, name), { recursive: true });
}

async function weigh(names) {
  for (const name of names) {
    const body = await readFile(join(dist, name));
    const packed = brotliCompressSync(body);
    if (!name.startsWith("demo")) await writeFile(join(dist, name + ".br"), packed);
    const size = (n) => String(n).padStart(6);
    console.log(`${name.padEnd(17)} ${size(body.length)} bytes, ${size(gzipSync(body, { level: 9 }).length)} by gzip, ${size(packed.length)} by brotli`);
    if (packed.length > LIMITS[name]) throw new Error(`${name} is larger than ${LIMITS[name]} bytes compressed by brotli`);
  }
}

await clean();
const watch = process.argv.includes("--watch");
const build = await context({
  absWorkingDir: here,
  entryPoints: [
    { in: "src/index.ts", out: "reddot" },
    { in: "src/bell.ts", out: "reddot-bell" },
    { in: "src/iframe.ts", out: "reddot-iframe" },
    { in: "demo/demo.ts", out: "demo" },
    { in: "demo/mqtt.ts", out: "demo-mqtt" },
    { in: "demo/demo.css", out: "demo" },
  ],
  outdir: dist,
  bundle: true,
  minify: true,
  mangleProps: INTERNAL,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  plugins: [served, packed],
});
await build.rebuild();
await copyFile(join(here, "demo/index.html"), join(dist, "index.html"));
await copyFile(join(here, "demo/favicon.svg"), join(dist, "favicon.svg"));
await weigh(["reddot.js", "reddot-bell.js", "reddot-iframe.js", "demo.js", "demo-mqtt.js", "demo.css"]);
if (watch) await build.watch();
else await build.dispose();
