package embedded

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// newMerger returns the merge of tallies: the sum of 8-byte big-endian signed
// integers. Its name is on disk.
func newMerger() *pebble.Merger {
	return &pebble.Merger{
		Name: "reddot.sum.1",
		Merge: func(_, value []byte) (pebble.ValueMerger, error) {
			s := new(sum)
			return s, s.add(value)
		},
	}
}

// A sum adds up operands; their order does not matter.
type sum int64

func (s *sum) add(value []byte) error {
	n, err := parseSum(value)
	*s += sum(n)
	return err
}

// MergeNewer implements pebble.ValueMerger.
func (s *sum) MergeNewer(value []byte) error { return s.add(value) }

// MergeOlder implements pebble.ValueMerger.
func (s *sum) MergeOlder(value []byte) error { return s.add(value) }

// Finish implements pebble.ValueMerger.
func (s *sum) Finish(bool) ([]byte, io.Closer, error) {
	return appendSum(nil, int64(*s)), nil, nil
}

func appendSum(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func parseSum(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("a tally of %d bytes", len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}
