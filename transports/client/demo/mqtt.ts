// MQTT 5 over WebSocket, by mqtt.js: a transport that the page brings, in a file of its own, which is loaded when it is needed.
import mqtt, { type MqttClient } from "mqtt";
import { parseEvent, type Counts, type ServerEvent } from "../src/events.ts";
import { address, get, type End, type NamedTransport, type Wire } from "../src/transport.ts";

/** Seconds after which the client says that it is alive. */
const KEEP_ALIVE = 25;

/** How long the server may take to answer, in milliseconds. */
const PATIENCE = 10_000;

const EVENTS = "users/me/events";
const COUNTS = "users/me/counts";

/** What the pane needs beyond what every transport has. */
export interface Mqtt extends NamedTransport {
  /** Marks messages as read, by publishing to the user's own topic. */
  read(ids: string[]): Promise<void>;
}

/** MQTT knows no cursor to resume from: what was missed comes by a request over HTTP, while what is new waits. */
export function viaMqtt(): Mqtt {
  let client: MqttClient | undefined;
  return {
    name: "mqtt",
    run: async (w) => {
      const url = new URL("/mqtt", w.base);
      url.protocol = url.protocol.replace("http", "ws");
      client = mqtt.connect(url.href, {
        protocolVersion: 5,
        username: decodeURIComponent(w.base.split("/").at(-1)!),
        ...(w.token ? { password: w.token } : {}),
        keepalive: KEEP_ALIVE,
        connectTimeout: PATIENCE,
        reconnectPeriod: 0, // The line knows when to come back.
        resubscribe: false,
      });
      const end = await listen(client, w);
      client.end(true);
      client = undefined;
      return end.reason === "closed" && (await isMissing(w)) ? { next: "skip", reason: "not served here: no /mqtt" } : end;
    },
    read: async (ids) => {
      if (!client) throw new Error("not connected");
      await client.publishAsync("users/me/read", JSON.stringify({ ids }), { qos: 1 });
    },
  };
}

/** Hands events over until the connection ends. */
function listen(client: MqttClient, w: Wire): Promise<End> {
  return new Promise((resolve) => {
    let waiting: ServerEvent[] | undefined = [];
    let catching = false;
    const close = () => resolve({ next: "retry", reason: "closed" });
    w.signal.addEventListener("abort", close);
    client.on("connect", () => client.subscribe([EVENTS, COUNTS]));
    client.on("message", (topic, payload) => {
      const text = payload.toString();
      if (topic === EVENTS) {
        const event = parseEvent(text);
        if (event && waiting) waiting.push(event);
        else if (event) w.event(event);
      } else if (waiting && !catching) {
        // The first counts say whether anything was missed. Later ones stand in the events, too.
        const missed = waiting;
        catching = true;
        const counts = JSON.parse(text) as Counts;
        catchUp(w, counts).then(
          () => {
            waiting = undefined;
            w.live();
            for (const event of missed) w.event(event);
          },
          (e: unknown) => resolve({ next: "retry", reason: String(e) }),
        );
      }
    });
    client.on("disconnect", (p) => resolve(endOf(p.reasonCode ?? 0)));
    client.on("error", (e) => resolve("code" in e && typeof e.code === "number" && e.code ? endOf(e.code) : { next: "retry", reason: e.message }));
    client.on("close", close);
  });
}

/** Fetches what was missed, if anything was. */
async function catchUp(w: Wire, now: Counts): Promise<void> {
  for (let more = w.cursor() !== undefined && w.rev() !== now.rev; more; ) {
    const res = await get(w, address(w, "/wait", { after: w.cursor(), timeout: 0 }), PATIENCE);
    if (res.status === 304) break;
    if (res.status !== 200) throw new Error("HTTP " + res.status);
    const news = JSON.parse(res.body) as { events: ServerEvent[]; more?: boolean };
    for (const event of news.events) w.event(event);
    more = news.more === true;
  }
  w.event({ type: "counts", counts: now, ...(now.cursor ? { cursor: now.cursor } : {}) });
}

/** What a reason code says about coming back (MQTT 5, 2.4). */
function endOf(code: number): End {
  const reason = "MQTT reason 0x" + code.toString(16);
  if (code === 0x86 || code === 0x87) return { next: "auth", reason };
  if (code === 0x98) return { next: "stop", reason }; // Administrative action: disconnected by the operator.
  return { next: "retry", reason };
}

/** Tells whether the server has no MQTT over WebSocket. Where it has, the address is there, and wants a WebSocket. */
async function isMissing(w: Wire): Promise<boolean> {
  if (w.signal.aborted) return false;
  const res = await get(w, new URL("/mqtt", w.base), PATIENCE).catch(() => undefined);
  return res?.status === 404;
}
