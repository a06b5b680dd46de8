import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";

/** The folder of the package: tests run as bundles below its node_modules. */
const here = process.cwd();

/** Runs a module in a Node of its own, which has no window. */
function run(script: string): string {
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: here, encoding: "utf8" }).trim();
}

test("the package can be imported where there is no window, and does nothing there", () => {
  const said = run(`
    import * as client from "reddot";
    import { ReddotBell } from "reddot/bell";
    const r = new client.Reddot({ url: "https://push.example", token: () => { throw new Error("asked") } });
    r.connect();
    r.subscribe("a");
    r.close();
    console.log(Object.keys(client).sort().join(), typeof ReddotBell, r.status.state);
  `);
  assert.equal(said, "Inbox,MessageList,Reddot,ReddotError,isUnread function offline");
});

test("what the package promises is there", () => {
  const { exports, files } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  for (const [name, entry] of Object.entries<{ types: string; default: string }>(exports)) {
    for (const file of typeof entry === "string" ? [entry] : Object.values(entry)) assert.ok(existsSync(join(here, file)), `${name}: ${file}`);
  }
  assert.ok(files.includes("types"));
  assert.ok(!("dependencies" in JSON.parse(readFileSync(join(here, "package.json"), "utf8"))), "there are no dependencies");
});

test("the client is at most 10 KB, the bell 8 KB, compressed by brotli", () => {
  for (const [name, limit] of [["reddot.js", 10 * 1024], ["reddot-bell.js", 8 * 1024]] as const) {
    const size = brotliCompressSync(readFileSync(join(here, "dist", name))).length;
    assert.ok(size <= limit, `${name} has ${size} bytes`);
  }
});
