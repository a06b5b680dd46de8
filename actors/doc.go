// Package actors is the heart of Reddot: one persistent actor per user, which
// alone owns the user's inbox, counts and attached connections.
//
// Rules that a change must keep:
//
//   - The package imports nothing of ours. What it needs from a store or a
//     cluster is an interface of its own: Journal, Records, Fences, Router.
//   - Inbox decides and applies; it has no clock, no I/O and no random.
//     User is the shell around it.
//   - Decide, persist, answer, push: nothing leaves an actor before what it
//     rests on is durable.
//   - Every write carries its shard's fence (fence.go), which was held before
//     the state that it rests on was read.
//   - What nobody needs any more leaves the disk by time (retention.go): an
//     event that frees a content arms the user's wake-up.
//   - A turn never blocks and never reads the disk.
//   - The only locks are those of the mailbox, of Conn, and of the tree of
//     topics, which is held for a look or a change and never while anything is
//     sent.
//   - A session that outlives its connection is part of its user's Inbox
//     (subscriptions.go): its changes are events like all others. One that does
//     not is its transport's alone. While it is connected, a session survives
//     its user's actor: it asks the next activation for itself (OpenSession.Again).
//   - A connection that is gone with its node does not ask. So whoever comes from
//     behind a link that is broken is refused (Home.Linked), and a user who may have
//     left a session open is woken until that has worked (Rouse).
//   - What outlives connections every node knows of every user (followed.go), so
//     a message waits for a session wherever it is published; of sessions that
//     are connected elsewhere a node knows the filters alone (elsewhere.go).
//
// Time. What an actor stores are times of the wall clock, since they have to
// outlive the process and mean something on another node: expiry, send_at,
// snooze, wills and sessions, ages, wake-ups. So when the wall clock steps
// forward by an hour, what was due within it is due at once, the session of a
// client that is away included, and a caller's idempotency keys, the history and
// what waits to be erased live an hour less; when it steps back, all of that an
// hour more. Nothing is lost or comes twice by it: order is seq, pos and rev,
// never a time, and a wake-up that comes too early finds nothing to do and stays
// armed. NewID goes on from its last id when the clock is behind it. The keys
// that an edge makes are compared with times of the owner's clock, so the last
// ones are kept whatever their times say (once.go). Pauses of a process are
// Home.Delay's, which is monotonic.
//
// Start reading at inbox.go, then user.go, gateway.go and conn.go; topic.go is
// live publish/subscribe, session.go how a user hosts its sessions, exchange.go
// how it reaches those that are connected to other nodes, handover.go what others
// take over, retained.go what topics keep.
package actors
