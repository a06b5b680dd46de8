package actors

import "context"

// An IndexRow is what an actor's write leaves in the index: a key by which others
// find it, and what they then want to know. To the stores both are bytes; a key has
// at most MaxIndexKey of them and is of one actor alone.
type IndexRow struct {
	Key   []byte
	Value []byte // nil: there is no such row any more
}

// MaxIndexKey is the most bytes that the key of an index row has: about the most that
// PostgreSQL indexes.
const MaxIndexKey = 2600

// Index reads the rows of all actors. What it shows is durable.
type Index interface {
	// ScanIndex calls fn with each row with from ≤ key < below, in the order of the
	// bytes of their keys, until fn returns false or limit rows were passed on. The
	// bytes are valid during the call only.
	ScanIndex(ctx context.Context, from, below []byte, limit int, fn func(key, value []byte) bool) error
	// ReadIndex calls fn with the place in keys of each row that is there, and its
	// value, in the order of the keys, which rise. The bytes are valid during the
	// call only.
	ReadIndex(ctx context.Context, keys [][]byte, fn func(i int, value []byte) error) error
}
