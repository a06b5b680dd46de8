/**
 * Reddot's browser client. Start reading at reddot.ts; identity.ts says who the user is, line.ts holds a connection, ledger.ts
 * says what is new, tabs.ts and sharing.ts share the connection, page.ts owns title and icon, and each transport is a file of its own.
 */
export { Reddot, type Listeners, type Options, type TransportName } from "./reddot.ts";
export { Inbox, type Changed, type Page, type Preferences, type Query, type Selection, type Switches } from "./inbox.ts";
export { ReddotError } from "./errors.ts";
export { isUnread, MessageList, type Scope } from "./list.ts";
export type { BadgeOptions } from "./page.ts";
export type { TokenSource } from "./tokens.ts";
export type { ConnectionState, Status } from "./line.ts";
export type { End, NamedTransport, Transport, Wire } from "./transport.ts";
export type * from "./events.ts";
