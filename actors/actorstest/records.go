package actorstest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"

	"reddot/actors"
)

// Records are Records in memory. The zero value is empty.
type Records struct {
	mu   sync.Mutex
	all  map[[2]string][]byte
	fail error
}

var _ actors.Records = (*Records)(nil)

// FailRecords lets every call fail with err; nil: none.
func (r *Records) FailRecords(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// PutRecord implements actors.Records.
func (r *Records) PutRecord(_ context.Context, kind, key string, value []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		if r.all == nil {
			r.all = make(map[[2]string][]byte)
		}
		r.all[[2]string{kind, key}] = bytes.Clone(value)
	}
	return r.fail
}

// DeleteRecord implements actors.Records.
func (r *Records) DeleteRecord(_ context.Context, kind, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		delete(r.all, [2]string{kind, key})
	}
	return r.fail
}

// ReadRecord implements actors.Records.
func (r *Records) ReadRecord(_ context.Context, kind, key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.all[[2]string{kind, key}]
	switch {
	case r.fail != nil:
		return nil, r.fail
	case !ok:
		return nil, actors.Errorf(actors.NotFound, "no such record")
	}
	return bytes.Clone(v), nil
}

// ListRecords implements actors.Records.
func (r *Records) ListRecords(_ context.Context, kind, after string, limit int) ([]actors.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []actors.Record
	for k, v := range r.all {
		if k[0] == kind && k[1] > after {
			list = append(list, actors.Record{Key: k[1], Value: bytes.Clone(v)})
		}
	}
	slices.SortFunc(list, func(a, b actors.Record) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], r.fail
}
