// A proxy between a browser and the server, of the kinds that are met in the field. `mode` may change at any time:
//   pass     all goes through
//   heads    no WebSocket; of an event stream the head goes through, and the body is kept
//   frozen   nothing goes through, neither way, and nobody is told
import { createServer, request } from "node:http";
import { connect } from "node:net";

export async function hostile(target) {
  const { hostname, port } = new URL(target);
  const proxy = { mode: "pass", url: "", requests: [], cut: undefined, close: undefined };
  const sockets = new Set();
  const held = (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    return socket;
  };
  const server = createServer((req, res) => {
    proxy.requests.push(req.url);
    if (proxy.mode === "frozen") return;
    const on = request({ hostname, port, path: req.url, method: req.method, headers: req.headers }, (answer) => {
      if (proxy.mode === "frozen") return;
      res.writeHead(answer.statusCode, answer.headers);
      res.flushHeaders();
      const stream = /event-stream/.test(answer.headers["content-type"] ?? "");
      answer.on("data", (piece) => {
        if (proxy.mode === "frozen" || (stream && proxy.mode === "heads")) return;
        res.write(piece);
      });
      answer.on("end", () => proxy.mode !== "frozen" && res.end());
      answer.on("error", () => res.destroy());
    });
    on.on("error", () => res.destroy());
    res.on("close", () => on.destroy());
    req.pipe(on);
  });
  server.on("connection", held);
  server.on("upgrade", (req, socket, head) => {
    proxy.requests.push("WS " + req.url);
    if (proxy.mode === "heads") return socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    if (proxy.mode === "frozen") return;
    const on = held(connect(Number(port), hostname));
    const lines = Object.entries(req.headers).map(([k, v]) => `${k}: ${v}`);
    on.write(`GET ${req.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    on.write(head);
    for (const [from, to] of [[socket, on], [on, socket]]) {
      from.on("data", (piece) => proxy.mode !== "frozen" && to.write(piece));
      from.on("close", () => proxy.mode !== "frozen" && to.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.cut = () => sockets.forEach((s) => s.destroy());
  proxy.close = async () => {
    proxy.cut();
    await new Promise((resolve) => server.close(resolve));
  };
  return proxy;
}
