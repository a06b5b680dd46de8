package embedded

import (
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
	"reddot/actors/store"
)

// maxPoints is the most events that are deleted one by one. A range is one
// key, but the first read after it sorts all ranges of the memory table:
// 0.5 µs each, so that thousands make every load slow.
const maxPoints = 32

// maxRetained is how large a batch may have been whose memory the next one
// uses again, in bytes.
const maxRetained = 4 << 20

// A committer is the engine of the store's writer. It holds the batch that the
// next commit makes durable.
type committer struct {
	p       *Store
	batch   *pebble.Batch            // nil: empty
	owners  []ownerChange            // to be added at the end
	claims  map[actors.ID]actors.Key // of those, what was claimed (or, empty, released)
	records store.RecordBatch
	key     []byte // scratch
	wake    int64  // the earliest wake-up that is set; 0: none
	err     error  // the first that staging met
}

var (
	_ store.Engine = (*committer)(nil)
	_ store.Index  = (*committer)(nil)
)

// An ownerChange says who answers for a message from now on. They go into the
// batch together, behind all else: ids rise with the time, so that each one's
// place in the memory table is right behind that of the one before.
type ownerChange struct {
	id  actors.ID
	key actors.Key // empty: nobody
}

// Stage implements store.Engine.
func (c *committer) Stage(j *store.Job) {
	switch {
	case j.Take != nil:
		c.begin()
		c.p.fences.Raise(j.Take, func(t actors.Taken) {
			c.key = appendFence(c.key[:0], t.Shard)
			c.note(c.batch.Set(c.key, appendTaken(nil, t), nil))
		})
	case j.Record != nil:
		if j.Err = c.records.Stage(j.Record, c.p.storedRecord); j.Err == nil {
			c.stageRecord(j.Record)
		}
	default:
		if j.Err = c.p.fences.Check(j.Write); j.Err == nil {
			j.Err = store.Follow(j.Write, c)
		}
		if j.Err == nil {
			c.records.Note(j.Write.Records)
			c.stageWrite(j.Write)
		}
	}
}

func (c *committer) stageWrite(w *actors.Write) {
	c.begin()
	key := w.Stream.Key
	for i, e := range w.Events {
		op := c.batch.SetDeferred(journalLen(key), len(e))
		appendEvent(op.Key[:0], key, w.After+1+uint64(i))
		copy(op.Value, e)
		c.note(op.Finish())
	}
	for _, r := range w.Rewrite {
		c.key = appendEvent(c.key[:0], key, r.Seq)
		c.note(c.batch.Set(c.key, r.Event, nil))
	}
	for _, r := range w.Delete {
		c.deleteEvents(key, r)
	}
	if w.Snapshot != nil {
		op := c.batch.SetDeferred(journalLen(key), len(w.Snapshot))
		appendSnapshot(op.Key[:0], key, w.Last())
		copy(op.Value, w.Snapshot)
		c.note(op.Finish())
	}
	if w.Forget > 0 { // by range: a look for them could wait for Pebble's locks
		c.deleteRange(appendSnapshot(nil, key, w.Forget-1), appendEvent(nil, key, 0))
	}
	c.setWake(key, w.Wake)
	for _, id := range w.Disown {
		c.owners = append(c.owners, ownerChange{id: id})
	}
	for _, id := range w.Own {
		c.owners = append(c.owners, ownerChange{id, key})
	}
	for _, id := range w.Release {
		c.release(id, key)
	}
	for _, id := range w.Claim {
		c.claim(id, key)
	}
	for _, id := range w.Untally {
		for kind := range actors.NumTallies {
			c.key = appendTally(c.key[:0], id, kind)
			c.delete(c.key)
		}
	}
	for _, t := range w.Tally {
		op := c.batch.MergeDeferred(tallyPrefix+1, 8)
		appendTally(op.Key[:0], t.ID, t.Kind)
		appendSum(op.Value[:0], t.N)
		c.note(op.Finish())
	}
	for _, r := range w.Records {
		c.setRecord(r.Kind, r.Key, r.Value)
	}
	for _, r := range w.Index {
		c.setRow(r)
	}
}

func (c *committer) stageRecord(r *store.RecordWrite) {
	c.begin()
	value := r.Value
	switch {
	case r.Delete:
		value = nil
	case value == nil:
		value = []byte{}
	}
	c.setRecord(r.Kind, r.Key, value)
}

// setRecord sets a record, or removes it if value is nil.
func (c *committer) setRecord(kind, key string, value []byte) {
	c.key = appendRecord(c.key[:0], kind, key)
	if value == nil {
		c.delete(c.key)
		return
	}
	c.note(c.batch.Set(c.key, value, nil))
}

// setRow sets a row of the index, or removes it.
func (c *committer) setRow(r actors.IndexRow) {
	if r.Value == nil {
		c.key = appendRow(c.key[:0], r.Key)
		c.delete(c.key)
		return
	}
	op := c.batch.SetDeferred(1+len(r.Key), len(r.Value))
	appendRow(op.Key[:0], r.Key)
	copy(op.Value, r.Value)
	c.note(op.Finish())
}

// Commit implements store.Engine. Pebble panics on some errors of its log; on the
// others it calls Fatalf, which fails the writer and does not return.
func (c *committer) Commit() (err error) {
	if c.batch == nil {
		c.records.Reset()
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("commit: %v", r)
		}
	}()
	c.stageOwners()
	if c.err != nil {
		return fmt.Errorf("stage: %w", c.err)
	}
	if err := c.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if c.wake != 0 {
		c.p.wakes.add(c.wake)
	}
	err = c.batch.Close()
	c.batch, c.wake = nil, 0
	c.records.Reset()
	c.p.fences.Commit()
	return err
}

// begin makes a batch if there is none.
func (c *committer) begin() {
	if c.batch == nil {
		c.batch = c.p.db.NewBatch(pebble.WithMaxRetainedSizeBytes(maxRetained))
	}
}

func (c *committer) stageOwners() {
	for _, o := range c.owners {
		if o.key == "" {
			c.key = appendOwner(c.key[:0], o.id)
			c.delete(c.key)
			continue
		}
		op := c.batch.SetDeferred(1+len(o.id), len(o.key))
		appendOwner(op.Key[:0], o.id)
		copy(op.Value, o.key)
		c.note(op.Finish())
	}
	clear(c.owners)
	c.owners = c.owners[:0]
	clear(c.claims)
}

// claim lets the actor have the id; an empty key: nobody.
func (c *committer) claim(id actors.ID, key actors.Key) {
	if c.claims == nil {
		c.claims = make(map[actors.ID]actors.Key)
	}
	c.claims[id] = key
	c.owners = append(c.owners, ownerChange{id, key})
}

// release takes the id from the actor if it has it, in the store or in the batch.
func (c *committer) release(id actors.ID, key actors.Key) {
	has, staged := c.claims[id]
	if !staged {
		var err error
		if has, err = c.p.owner(id); err != nil {
			c.note(err)
		}
	}
	if has == key {
		c.claim(id, "")
	}
}

func (c *committer) note(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *committer) delete(key []byte) {
	c.note(c.batch.Delete(key, nil))
}

func (c *committer) deleteRange(start, end []byte) {
	c.note(c.batch.DeleteRange(start, end, nil))
}

// deleteEvents deletes a run of events, as a range if it is long.
func (c *committer) deleteEvents(key actors.Key, r actors.Range) {
	if r.First > r.Last {
		return
	}
	if r.Last-r.First < maxPoints {
		for seq := r.First; ; seq++ {
			c.key = appendEvent(c.key[:0], key, seq)
			c.delete(c.key)
			if seq == r.Last {
				return
			}
		}
	}
	end := appendEvent(nil, key, r.Last)
	if r.Last == math.MaxUint64 {
		end = append(end, 0)
	} else {
		end = appendEvent(end[:0], key, r.Last+1)
	}
	c.deleteRange(appendEvent(c.key[:0], key, r.First), end)
}

// setWake replaces the actor's wake-up.
func (c *committer) setWake(key actors.Key, w actors.Wake) {
	if w.Old == w.New {
		return
	}
	if w.Old != 0 {
		c.key = appendWake(c.key[:0], w.Old, key)
		c.delete(c.key)
	}
	if w.New != 0 {
		if c.wake == 0 || w.New < c.wake {
			c.wake = w.New
		}
		op := c.batch.SetDeferred(1+8+len(key), 0)
		appendWake(op.Key[:0], w.New, key)
		c.note(op.Finish())
	}
}
