import { after, onAbort, watchdog } from "./clock.ts";
import { parse, parseEvent } from "./events.ts";
import { address, endOfClose, type End, type Transport } from "./transport.ts";

/** Silence after which the server is asked for a sign of life, and how long it may take, in milliseconds. */
const IDLE = 10_000;
const PATIENCE = 7000;

/** An error without a close, which a Content-Security-Policy makes, is the end. Milliseconds. */
const CLOSING = 100;

/** WebSocket. A browser does not show protocol pings, so the client asks with frames of its own. */
export const ws: Transport = (w) =>
  new Promise<End>((resolve) => {
    const url = address(w, "/ws", { after: w.cursor() });
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, w.token ? ["reddot.v1", "bearer." + w.token] : ["reddot.v1"]);
    let frames = 0;
    const asked = new Map<number, string>();
    const send = (frame: object) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ id: ++frames, ...frame }));
    };
    let calm = () => {};
    const idle = watchdog(IDLE, () => {
      send({ type: "ping" });
      // Not before it was asked: a hidden page's timers all come at once, and late.
      calm = after(PATIENCE, () => end({ next: "retry", reason: "silent" }));
    });
    const end = (e: End) => {
      idle.stop();
      calm();
      off();
      // A dead peer answers no closing handshake: nobody waits for it.
      socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
      resolve(e);
    };
    const off = onAbort(w.signal, () => end({ next: "retry", reason: "aborted" }));
    const change = (added: string[], dropped: string[], visible: boolean) => {
      // One frame each: a topic that is refused does not take the others along.
      for (const topic of added) {
        asked.set(frames + 1, topic);
        send({ type: "subscribe", topic });
      }
      if (dropped.length) send({ type: "unsubscribe", topics: dropped });
      send({ type: "visible", visible });
    };
    socket.onopen = () => w.topics(change);
    socket.onmessage = ({ data }) => {
      calm();
      idle.pet();
      const event = parseEvent(String(data));
      if (event) {
        w.live();
        w.event(event);
      } else answered(String(data));
    };
    socket.onerror = () => after(CLOSING, () => end({ next: "retry", reason: "blocked" }));
    socket.onclose = ({ code, reason }) => end(endOfClose(code, reason));

    /** The answer to a frame: `ok`, or an error of a topic. */
    function answered(text: string): void {
      const { id, code } = parse(text) as { id?: number; code?: string };
      const topic = asked.get(id!);
      asked.delete(id!);
      if (topic !== undefined && code) w.refused([topic], code);
    }
  });
