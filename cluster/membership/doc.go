// Package membership knows which nodes are together: who the members of the
// cluster are, and which of them own shards.
//
// Three sources are put together. Gossip (gossip.go, memberlist) tells who can be
// reached. The signs of life that nodes leave in the store (signs.go) tell who
// lives all the same, so that a node whose peers have vanished knows whether they
// are dead or it is cut off. The links tell who can be spoken with; each node
// announces in its signs how its links are (linkstates.go, announce.go). From what
// all have announced every node chooses alike who owns shards (choose.go,
// decide.go): gossip alone makes nobody an owner. While an older program is among
// them that says nothing of its links, those own whom gossip has.
//
// The node that a membership is of is asked and told through Host. It keeps the
// links, and shares the shards out among the owners.
//
// Rules that a change must keep:
//
//   - Nobody owns shards before its links to the others have spoken both ways, nor
//     without links to the larger part.
//   - The choice is pure (choose.go, linkstates.go): the same announcements give the
//     same owners on every node.
//   - A name that was declared dead, or has left, does not come back: a node that
//     starts again has another name.
//   - A node that was declared dead is told so, and ends.
//   - While the store can't be read nothing changes: who owned a shard may go on, and
//     the store has to agree to every write.
//   - Whoever is kept out says why, here and on the other side (explain.go).
//   - A record of an older program is understood: what it does not say has a meaning.
//
// Start reading at membership.go (run, update), then decide.go and choose.go.
package membership
