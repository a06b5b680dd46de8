package cluster

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// ownerOf returns which of the nodes owns a shard: the one with the highest
// score (rendezvous hashing), so that a node that comes or goes moves only its
// own share. All versions agree on it.
func ownerOf(shard uint16, nodes []string) string {
	best, top := "", uint64(0)
	for _, name := range nodes {
		if s := score(shard, name); best == "" || s > top || s == top && name < best {
			best, top = name, s
		}
	}
	return best
}

// score mixes the hash of the name with the shard, so that each bit of either
// changes half of the result's (the finalizer of SplitMix64).
func score(shard uint16, name string) uint64 {
	h := xxhash.Sum64String(name) ^ bits.RotateLeft64(uint64(shard)*0x9e3779b97f4a7c15, 17)
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
