// Somebody else's web site, on an origin of its own: pages that stories make up, with the headers that they want.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";

const dist = new URL(process.env.REDDOT_DIST ?? "../dist/", import.meta.url);

export async function host() {
  const pages = new Map();
  const server = createServer(async (req, res) => {
    const [path] = req.url.split("?");
    if (path === "/favicon.ico") return res.writeHead(404).end();
    const file = path.startsWith("/reddot") && (await readFile(new URL("." + path, dist)).catch(() => undefined));
    if (file) return res.writeHead(200, { "Content-Type": "text/javascript" }).end(file);
    const page = pages.get(path) ?? { html: "<!doctype html><title>page</title><body></body>" };
    res.writeHead(200, { "Content-Type": path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8", ...page.headers }).end(page.html);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  let made = 0;
  return {
    url,
    /** Adds a page and returns its address. */
    page: (html, headers = {}, name = `/page${++made}`) => (pages.set(name, { html, headers }), url + name),
    close: () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))),
  };
}
