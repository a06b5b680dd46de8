package embedded

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

// tallyPrefix is the length of a tally key without its TallyKind.
const tallyPrefix = 1 + 16

// newComparer returns the order of keys: by bytes, with the part that names
// one actor, or one message's funnel, as the prefix that bloom filters know.
// Its name is on disk.
func newComparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "reddot.1"
	c.Split = split
	c.ImmediateSuccessor = nextPrefix
	return &c
}

// split returns the length of k's prefix: that of a journal key ends with its
// zero byte, of which an actor's key has none; that of a tally with the id.
// No prefix is then the start of another one, which keeps the order by prefix
// the same as the order by bytes.
func split(k []byte) int {
	if len(k) == 0 {
		return 0
	}
	switch k[0] {
	case kindJournal:
		if i := bytes.IndexByte(k, 0); i >= 0 {
			return i + 1
		}
	case kindTally:
		return min(len(k), tallyPrefix)
	}
	return len(k)
}

// nextPrefix appends to dst the smallest prefix after a, which is one.
func nextPrefix(dst, a []byte) []byte {
	n := len(dst)
	dst = append(dst, a...)
	if len(a) == 0 || split(append(dst, 0)[n:]) > len(a) {
		return append(dst, 0)
	}
	for i := len(dst) - 1; i > n; i-- { // a is complete: nothing with a in front is a prefix
		dst[i]++
		if dst[i] != 0 {
			break
		}
		dst = dst[:i]
	}
	return dst
}
