// Bundles the tests (Node runs no TypeScript itself) and runs them with node:test. Arguments choose files by name.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here).filter((f) => f.endsWith(".test.ts") && (!wanted.length || wanted.some((w) => f.includes(w))));
// Beside the packages, so that the bundles find them.
const out = mkdtempSync(join(here, "../node_modules/.reddot-test-"));
try {
  await build({
    absWorkingDir: here,
    entryPoints: files,
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    // The stand-in finds dist/ by its own place, so it stays there.
    plugins: [
      {
        name: "mock",
        setup: (b) => b.onResolve({ filter: /mock\.mjs$/ }, () => ({ path: "../../test/mock.mjs", external: true })),
      },
    ],
  });
  const args = ["--enable-source-maps", "--test", "--test-reporter=spec", ...readdirSync(out).map((f) => join(out, f))];
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
