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
//   - What outlives connections every node knows of every user (followed.go), so
//     a message waits for a session wherever it is published; of sessions that
//     are connected elsewhere a node knows the filters alone (elsewhere.go).
//
// Start reading at inbox.go, then user.go, gateway.go and conn.go; topic.go is
// live publish/subscribe, session.go how a user hosts its sessions, exchange.go
// how it reaches those that are connected to other nodes, handover.go what others
// take over, retained.go what topics keep.
package actors
