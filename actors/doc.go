// Package actors is the kernel of Reddot's actors: what every persistent actor is
// made of, what actors need of a node, and what they tell each other.
//
// The actors themselves are in rooms below: user (one actor a user, which alone
// owns the user's inbox, counts and attached connections), gateway (connections),
// topic (live publish/subscribe), send (a message to many users), retained (what
// topics keep). What is decided is in rooms without clock, I/O or random: inbox, what
// one user has and sees, session, the user's durable MQTT sessions, profile, what is
// known of the user, and audience, who belongs to a segment. A room of actors imports
// the kernel and what decides, and no other actors; the wiring names all kinds (Kinds).
//
// Rules that a change must keep:
//
//   - The package imports nothing of ours. What it needs from a store or a
//     cluster is an interface of its own: Journal, Records, Fences, Router.
//   - Decide, persist, answer, push: nothing leaves an actor before what it
//     rests on is durable.
//   - Every write carries its shard's fence (fence.go), which was held before
//     the state that it rests on was read.
//   - What nobody needs any more leaves the disk by time (inbox/retention.go): an
//     event that frees a content arms the user's wake-up.
//   - A turn never blocks and never reads the disk.
//   - The only locks are those of the mailbox, of Conn, and of the tree of
//     topics (topic/broker.go), of Listeners, and of the templates that are ready
//     (reviewed/cache.go), which are held for a look or a change and never while
//     anything is sent.
//   - A session that outlives its connection is part of its user's Inbox
//     (actors/session): its changes are events like all others. One that does
//     not is its transport's alone. While it is connected, a session survives
//     its user's actor: it asks the next activation for itself (OpenSession.Again).
//   - A connection that is gone with its node does not ask. So whoever comes from
//     behind a link that is broken is refused (Home.Linked), and a user who may have
//     left a session open is woken until that has worked (Recover).
//   - What outlives connections every node knows of every user (Interest), so
//     a message waits for a session wherever it is published; of sessions that
//     are connected elsewhere a node knows the filters alone (topic/nodes.go).
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
// ones are kept whatever their times say (inbox/once.go). Pauses of a process are
// Home.Delay's, which is monotonic.
//
// Start reading at persistent.go, an activation's life from the journal to its end,
// and home.go, what it needs of its node. commands.go is what can be asked of actors,
// request.go how, presence.go what need not wake them; attachment.go is what users and
// gateways tell each other, sessionlink.go and remotelink.go how a user reaches a
// session. topics.go is what users need of live publish/subscribe, topicfilter.go which
// filters match a topic.
package actors
