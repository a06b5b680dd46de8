/** What the server says, in the shapes of the wire: the same on every transport. */

/** Exact counts of one user's inbox. `rev` rises with each change that the user can see. */
export interface Counts {
  unread: number;
  unseen: number;
  /** Unread messages by category. */
  by_category: Record<string, number>;
  /** And by tenant, while the inbox has a message of one. */
  by_tenant?: Record<string, number>;
  rev: number;
  cursor?: string;
}

export type MessageState = "unseen" | "seen" | "read" | "archived" | "snoozed" | "scheduled";

/** How a message leaves the inbox without anybody's doing: it expired, or it fell out of a full one. */
export type Departure = "expired" | "dropped";

export type Priority = "low" | "normal" | "high" | "critical";

/** One message of the inbox; the server leaves out what is not set. */
export interface Message {
  id: string;
  /** RFC 3339, UTC. */
  created_at: string;
  title?: string;
  body?: string;
  data?: unknown;
  category?: string;
  tenant?: string;
  priority?: Priority;
  url?: string;
  state: MessageState;
  collapse_key?: string;
  snoozed_until?: string;
  send_at?: string;
  expires_at?: string;
  edited_at?: string;
}

interface Stamp {
  /** This user, up to and with this event. Opaque. */
  cursor?: string;
  counts?: Counts;
}

export type HelloEvent = Stamp & { type: "hello"; counts: Counts; cursor: string; recovered?: boolean };
export type CountsEvent = Stamp & { type: "counts"; counts: Counts };
export type MessageEvent = Stamp & {
  type: "message";
  message: Message;
  /** Messages whose place it took (`collapse_key`), and those that had to leave a full inbox. */
  replaces?: string[];
  dropped?: string[];
};
export type StateEvent = Stamp & { type: "state"; ids: string[]; state: MessageState | Departure };
export type UpdateEvent = Stamp & { type: "update"; message: Message };
export type RetractEvent = Stamp & { type: "retract"; ids: string[] };
export type TopicEvent = Stamp & {
  type: "topic";
  topic: string;
  payload?: unknown;
  /** Instead of `payload`, where the bytes are no text. */
  payload_base64?: string;
  /** The topic's last message, kept for whoever subscribes. */
  retained?: boolean;
};
export type ResetEvent = Stamp & { type: "reset" };
export type DrainEvent = Stamp & { type: "drain"; retry_ms?: number };

export type ServerEvent =
  | HelloEvent
  | CountsEvent
  | MessageEvent
  | StateEvent
  | UpdateEvent
  | RetractEvent
  | TopicEvent
  | ResetEvent
  | DrainEvent;

/** Reads one event off the wire. Undefined for what is not an event (the answer to a ping, a newer server's types are passed on). */
export function parseEvent(text: string): ServerEvent | undefined {
  const value = parse(text);
  return isEvent(value) ? value : undefined;
}

/** JSON, or undefined for what is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An event is an object with a type; `ok` and `error` are answers to a WebSocket client's own frames. */
export function isEvent(value: unknown): value is ServerEvent {
  const type = (value as { type?: unknown } | null)?.type;
  return typeof type === "string" && type !== "ok" && type !== "error";
}
