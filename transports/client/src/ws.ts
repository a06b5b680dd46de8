import { watchdog } from "./backoff.ts";
import { parseEvent } from "./events.ts";
import { address, endOfClose, type End, type Transport } from "./transport.ts";

/** Silence after which the server is asked for a sign of life, and how long it may take, in milliseconds. */
const IDLE = 25_000;
const PATIENCE = 10_000;

/** WebSocket. A browser does not show protocol pings, so the client asks with frames of its own. */
export const ws: Transport = (w) =>
  new Promise<End>((resolve) => {
    const url = address(w, "/ws", { after: w.cursor() });
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, w.token ? ["reddot.v1", "bearer." + w.token] : ["reddot.v1"]);
    let pings = 0;
    const idle = watchdog(IDLE, () => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping", id: ++pings }));
    });
    const dead = watchdog(IDLE + PATIENCE, () => end({ next: "retry", reason: "silent" }));
    const end = (e: End) => {
      idle.stop();
      dead.stop();
      w.signal.removeEventListener("abort", abort);
      // A dead peer answers no closing handshake: nobody waits for it.
      socket.onmessage = socket.onclose = null;
      socket.close();
      resolve(e);
    };
    const abort = () => end({ next: "retry", reason: "aborted" });
    w.signal.addEventListener("abort", abort);
    socket.onmessage = ({ data }) => {
      idle.pet();
      dead.pet();
      const event = parseEvent(String(data));
      if (!event) return;
      w.live();
      w.event(event);
    };
    socket.onclose = ({ code, reason }) => end(endOfClose(code, reason));
  });
