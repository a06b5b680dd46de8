package actors

import "context"

// A Record is a piece of configuration-like data that is no journal: a server
// key, a template, a list.
type Record struct {
	Key   string
	Value []byte
}

// A RecordChange sets a record in the commit of a Write.
type RecordChange struct {
	Kind, Key string
	Value     []byte // nil: there is no such record any more
}

// Records keeps records by kind and key. A write is durable when it returns. A kind
// is a constant of the package that keeps its records, such as auditKind of
// transports: the stores take any.
type Records interface {
	// PutRecord sets the record, new or not.
	PutRecord(ctx context.Context, kind, key string, value []byte) error
	// DeleteRecord removes the record; it is no error if there is none.
	DeleteRecord(ctx context.Context, kind, key string) error
	// ReadRecord returns the record's value, or an Error with NotFound.
	ReadRecord(ctx context.Context, kind, key string) ([]byte, error)
	// ListRecords returns up to limit records of the kind with keys above
	// after, in the order of their keys.
	ListRecords(ctx context.Context, kind, after string, limit int) ([]Record, error)
}

// SwapRecords are Records of which one can be replaced on condition that nobody has
// replaced it meanwhile, on whichever node.
type SwapRecords interface {
	Records
	// SwapRecord sets the record if it is still old; a nil old: if there is none. A nil
	// value removes it. It fails with Conflict where it is another one. Where the
	// outcome is unknown (Unavailable) a second call may find its own value, and fail
	// with Conflict.
	SwapRecord(ctx context.Context, kind, key string, old, value []byte) error
}
