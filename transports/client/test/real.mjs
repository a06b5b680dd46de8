// A screen by a client that is not ours, for the tests in cmd/internal/app:
// node real.mjs ws|sse URL, where URL is that of the user.
//
// It says on stdout, a line each, what happens: {"open":…}, {"event":…},
// {"closed":code}. On stdin it takes what it is to send, a line each. It comes
// back where the standard, or the code, tells it to.
import { createInterface } from "node:readline";
import { EventSource } from "eventsource";
import WebSocket from "ws";

const [kind, url] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
let send = () => {};
createInterface({ input: process.stdin })
  .on("line", (line) => send(line))
  .on("close", () => process.exit(0));

if (kind === "sse") {
  const source = new EventSource(`${url}/stream`);
  source.onopen = () => say({ open: "" });
  source.onerror = (e) => {
    if (source.readyState === EventSource.CLOSED) say({ closed: e.code ?? 0 });
  };
  for (const type of ["message", "counts", "state", "update", "retract", "reset", "drain"]) {
    source.addEventListener(type, (e) => {
      const event = JSON.parse(e.data);
      if (event.type !== type || (event.cursor ?? e.lastEventId) !== e.lastEventId) say({ fault: `${type} ${e.lastEventId} ${e.data}` });
      say({ event });
    });
  }
} else {
  let cursor = "";
  const connect = () => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws?after=${cursor}`, "reddot.v1");
    send = (line) => socket.send(line);
    socket.on("open", () => say({ open: socket.extensions, protocol: socket.protocol }));
    socket.on("error", () => {}); // close follows
    socket.on("message", (data) => {
      const event = JSON.parse(data.toString());
      cursor = event.cursor ?? cursor;
      say({ event });
    });
    socket.on("close", (code) => {
      say({ closed: code });
      if (code < 4100) setTimeout(connect, 100);
    });
  };
  connect();
}
