// Drives a Firefox by WebDriver BiDi (W3C), which every Firefox speaks; as little of it as the stories need.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";

/** How long Firefox may take to start on a busy machine, in milliseconds. */
const PATIENCE = 90_000;

const PREFS = {
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "app.update.disabledForTesting": true,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "services.settings.server": "data:,",
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "dom.security.https_first": false,
};

/** Starts it with a profile of its own; close() ends it and removes that. */
export async function launchFirefox(executable) {
  const profile = mkdtempSync(join(tmpdir(), "reddot-firefox-"));
  writeFileSync(join(profile, "user.js"), Object.entries(PREFS).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});`).join("\n"));
  const child = spawn(executable, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
  const end = async () => {
    const gone = new Promise((resolve) => (child.exitCode === null ? child.on("exit", resolve) : resolve()));
    child.kill("SIGKILL");
    await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const session = await connect(await address(child));
    const { capabilities } = await session.send("session.new", { capabilities: {} });
    return { version: capabilities.browserVersion, open: (url) => openPage(session, url), close: end };
  } catch (e) {
    await end();
    throw e;
  }
}

function address(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => reject(new Error("Firefox did not start: " + said)), PATIENCE);
    child.stderr.on("data", (text) => {
      said += text;
      const [, url] = /BiDi listening on (ws:\S+)/.exec(said) ?? [];
      if (!url) return;
      clearTimeout(late);
      resolve(url + "/session");
    });
    child.on("exit", () => reject(new Error("Firefox ended: " + said)));
  });
}

async function connect(url) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  const open = new Map();
  let ids = 0;
  socket.on("message", (data) => {
    const { id, type, result, error, message } = JSON.parse(data);
    const call = open.get(id);
    open.delete(id);
    if (type === "success") call?.resolve(result);
    else call?.reject(new Error(`${error}: ${message}`));
  });
  return {
    send: (method, params) =>
      new Promise((resolve, reject) => {
        open.set(++ids, { resolve, reject });
        socket.send(JSON.stringify({ id: ids, method, params }));
      }),
  };
}

async function openPage(session, url) {
  const { context } = await session.send("browsingContext.create", { type: "tab" });
  const goto = (to) => session.send("browsingContext.navigate", { context, url: to, wait: "complete" });
  await goto(url);
  return {
    goto,
    close: () => session.send("browsingContext.close", { context }),
    /** As Playwright's: the function's text goes over, its argument and result as JSON. */
    evaluate: async (fn, arg) => {
      const call = `async (text) => JSON.stringify(await (${fn})(text === undefined ? undefined : JSON.parse(text)))`;
      const params = { functionDeclaration: call, target: { context }, awaitPromise: true };
      const args = arg === undefined ? [] : [{ type: "string", value: JSON.stringify(arg) }];
      const { type, result, exceptionDetails } = await session.send("script.callFunction", { ...params, arguments: args });
      if (type === "exception") throw new Error(exceptionDetails.text);
      return result.value === undefined ? undefined : JSON.parse(result.value);
    },
  };
}
