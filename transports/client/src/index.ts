/**
 * Reddot's browser client. Start reading at reddot.ts; line.ts holds a connection, ledger.ts says what is new, tabs.ts shares
 * the connection, and each transport is a file of its own.
 */
export { Reddot, type Listeners, type Options, type TransportName } from "./reddot.ts";
export { Inbox, ReddotError, type Changed, type Page, type Query } from "./inbox.ts";
export type { BadgeOptions } from "./badge.ts";
export type { ConnectionState, Status } from "./line.ts";
export type { End, NamedTransport, Transport, Wire } from "./transport.ts";
export type * from "./events.ts";
