// Package cluster knows which node runs which actor: it wakes actors, routes
// requests to them, passivates those that are idle, keeps their timers, and
// shares the actors out among the nodes that use one store.
//
// A node that joins others learns from membership who they are and which of them
// own shards (host.go). Each of 1,024 shards of actors has one owner, by a hash of
// shard and node (rendezvous.go), which takes the shard's fence in the store before
// it wakes anybody (placement.go): two nodes may believe that they own a shard, and
// the store decides. A message to an actor elsewhere crosses as a frame over the one
// link of the pair (link.go, handshake.go, receive.go), which is a stream; what can
// be sent nowhere at present waits (queue.go). Of topics, nodes tell each other who
// is subscribed and what is published (topics.go).
//
// Rules that a change must keep:
//
//   - At any moment at most one activation of a key takes messages here. An
//     activation is out of the directory before it stops.
//   - Send never blocks and holds no lock while it sends: a turn runs in the
//     sender's goroutine. To an actor that is awake here it costs a look into
//     the directory and no more.
//   - A request that got lost is repeated under the same key.
//   - Nobody is woken whose shard's fence this node does not hold.
//   - What an actor has in memory is answered only while the store has lately
//     confirmed the node's fences, and whoever takes a shard from a node that
//     may still live waits for as long (fences.go).
//   - Frames of a link arrive once and in order, or the link ends and both
//     sides know: requests have an unknown outcome, attachments are forgotten
//     by the user's side and made again by the gateway's.
//   - What waits for a peer, a link or an owner has a bound in messages and in
//     bytes.
//   - A subscription is acknowledged when every member knows it, and a node that
//     starts hears of all of them before it takes what is published.
//   - What crosses nodes is versioned (handshake.go): an older program must not
//     be sent what it does not know.
//
// Start reading at node.go, then router.go, placement.go and peers.go.
package cluster
