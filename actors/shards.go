package actors

// A ShardSet is a set of shards.
type ShardSet [Shards / 64]uint64

// Add takes a shard in.
func (s *ShardSet) Add(shard uint16) { s[shard/64] |= 1 << (shard % 64) }

// Has tells whether the shard is in the set.
func (s *ShardSet) Has(shard uint16) bool { return s[shard/64]>>(shard%64)&1 != 0 }

// Reattach lets a gateway attach its connections to the users of some shards
// again: their users have moved, or could not be reached.
type Reattach struct{ Shards *ShardSet }

// weightBeside is about what any message takes.
const weightBeside = 256

// Weight returns about how many bytes of memory a message on its way to an
// actor takes.
func Weight(m any) int {
	if r, ok := m.(*Request); ok {
		return weightBeside + r.Command.Weight()
	}
	return weightBeside
}
