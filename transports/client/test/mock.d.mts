import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Counts } from "../src/events.ts";

export interface MockUser {
  cursor: string;
  counts: Counts;
  lineage: string;
  preferences: object;
  publish(fields: object): { id: string };
  mark(ids: string[], state: string): void;
}

export interface Mock {
  url: string;
  user(name: string): MockUser;
  control: {
    refuse: ((req: IncomingMessage) => { status: number; headers?: Record<string, string> } | undefined) | undefined;
    tokens: Record<string, string> | undefined;
    delay: number;
    requests: string[];
    frames: { id: number; type: string; topic?: string; topics?: string[]; visible?: boolean }[];
  };
  sockets: Set<WebSocket>;
  close(): Promise<void>;
}

export function serve(options?: { port?: number; file?: string; heartbeat?: number }): Promise<Mock>;
