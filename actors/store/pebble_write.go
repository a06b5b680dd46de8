package store

import (
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
)

// maxPoints is the most events that are deleted one by one. A range is one
// key, but the first read after it sorts all ranges of the memory table:
// 0.5 µs each, so that thousands make every load slow.
const maxPoints = 32

// maxRetained is how large a batch may have been whose memory the next one
// uses again, in bytes.
const maxRetained = 4 << 20

// A staging is the batch that the next commit makes durable.
type staging struct {
	batch  *pebble.Batch // nil: empty
	owners []ownerChange // to be added at the end
	key    []byte        // scratch
	wake   int64         // the earliest wake-up that is set; 0: none
	err    error         // the first that staging met
}

// An ownerChange says who answers for a message from now on. They go into the
// batch together, behind all else: ids rise with the time, so that each one's
// place in the memory table is right behind that of the one before.
type ownerChange struct {
	id  actors.ID
	key actors.Key // empty: nobody
}

// stage implements engine.
func (p *Pebble) stage(j *job) {
	switch {
	case j.take != nil:
		s := p.begin()
		p.fences.take(j.take, func(t actors.Taken) {
			s.key = appendFence(s.key[:0], t.Shard)
			s.note(s.batch.Set(s.key, appendTaken(nil, t), nil))
		})
	case j.record != nil:
		p.stageRecord(j.record)
	default:
		if j.err = p.check(j.write); j.err == nil {
			j.err = follow(j.write, p)
		}
		if j.err == nil {
			p.stageWrite(j.write)
		}
	}
}

func (p *Pebble) stageWrite(w *actors.Write) {
	s, key := p.begin(), w.Stream.Key
	for i, e := range w.Events {
		op := s.batch.SetDeferred(journalLen(key), len(e))
		appendEvent(op.Key[:0], key, w.After+1+uint64(i))
		copy(op.Value, e)
		s.note(op.Finish())
	}
	for _, r := range w.Rewrite {
		s.key = appendEvent(s.key[:0], key, r.Seq)
		s.note(s.batch.Set(s.key, r.Event, nil))
	}
	for _, r := range w.Delete {
		s.deleteEvents(key, r)
	}
	if w.Snapshot != nil {
		op := s.batch.SetDeferred(journalLen(key), len(w.Snapshot))
		appendSnapshot(op.Key[:0], key, w.Last())
		copy(op.Value, w.Snapshot)
		s.note(op.Finish())
	}
	if w.Forget > 0 { // by range: a look for them could wait for Pebble's locks
		s.deleteRange(appendSnapshot(nil, key, w.Forget-1), appendEvent(nil, key, 0))
	}
	s.setWake(key, w.Wake)
	for _, id := range w.Disown {
		s.owners = append(s.owners, ownerChange{id: id})
	}
	for _, id := range w.Own {
		s.owners = append(s.owners, ownerChange{id, key})
	}
	for _, id := range w.Untally {
		for kind := range actors.NumTallies {
			s.key = appendTally(s.key[:0], id, kind)
			s.delete(s.key)
		}
	}
	for _, t := range w.Tally {
		op := s.batch.MergeDeferred(tallyPrefix+1, 8)
		appendTally(op.Key[:0], t.ID, t.Kind)
		appendSum(op.Value[:0], t.N)
		s.note(op.Finish())
	}
}

func (p *Pebble) stageRecord(r *recordWrite) {
	s := p.begin()
	s.key = appendRecord(s.key[:0], r.kind, r.key)
	if r.delete {
		s.note(s.batch.Delete(s.key, nil))
	} else {
		s.note(s.batch.Set(s.key, r.value, nil))
	}
}

// commit implements engine. Pebble panics on some errors of its log; on the
// others it calls Fatalf, which fails the writer and does not return.
func (p *Pebble) commit() (err error) {
	s := &p.staging
	if s.batch == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("commit: %v", r)
		}
	}()
	s.stageOwners()
	if s.err != nil {
		return fmt.Errorf("stage: %w", s.err)
	}
	if err := s.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if s.wake != 0 {
		p.wakes.add(s.wake)
	}
	err = s.batch.Close()
	s.batch, s.wake = nil, 0
	p.fences.commit()
	return err
}

// begin returns the staging with its batch.
func (p *Pebble) begin() *staging {
	if p.staging.batch == nil {
		p.staging.batch = p.db.NewBatch(pebble.WithMaxRetainedSizeBytes(maxRetained))
	}
	return &p.staging
}

func (s *staging) stageOwners() {
	for _, o := range s.owners {
		if o.key == "" {
			s.key = appendOwner(s.key[:0], o.id)
			s.delete(s.key)
			continue
		}
		op := s.batch.SetDeferred(1+len(o.id), len(o.key))
		appendOwner(op.Key[:0], o.id)
		copy(op.Value, o.key)
		s.note(op.Finish())
	}
	clear(s.owners)
	s.owners = s.owners[:0]
}

func (s *staging) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *staging) delete(key []byte) {
	s.note(s.batch.Delete(key, nil))
}

func (s *staging) deleteRange(start, end []byte) {
	s.note(s.batch.DeleteRange(start, end, nil))
}

// deleteEvents deletes a run of events, as a range if it is long.
func (s *staging) deleteEvents(key actors.Key, r actors.Range) {
	if r.First > r.Last {
		return
	}
	if r.Last-r.First < maxPoints {
		for seq := r.First; ; seq++ {
			s.key = appendEvent(s.key[:0], key, seq)
			s.delete(s.key)
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
	s.deleteRange(appendEvent(s.key[:0], key, r.First), end)
}

// setWake replaces the actor's wake-up.
func (s *staging) setWake(key actors.Key, w actors.Wake) {
	if w.Old == w.New {
		return
	}
	if w.Old != 0 {
		s.key = appendWake(s.key[:0], w.Old, key)
		s.delete(s.key)
	}
	if w.New != 0 {
		if s.wake == 0 || w.New < s.wake {
			s.wake = w.New
		}
		op := s.batch.SetDeferred(1+8+len(key), 0)
		appendWake(op.Key[:0], w.New, key)
		s.note(op.Finish())
	}
}
