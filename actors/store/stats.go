package store

import (
	"time"

	"reddot/actors"
)

// Stats says what a store has done since it was opened, and what it holds.
type Stats struct {
	Queued      int // writes that wait for a commit
	QueuedBytes int

	Commits    uint64
	Writes     uint64 // settled as durable
	Events     uint64
	Bytes      uint64        // of events and snapshots
	LastCommit time.Duration // how long the last commit took
	Stall      time.Duration // how long the commit under way has taken so far

	DiskBytes uint64 // in files; 0 for Memory
}

// count adds the batch to the figures; took is what its commit took.
func (w *Writer) count(took time.Duration) {
	var writes, events, bytes int
	for i := range w.batch {
		if x := w.batch[i].Write; x != nil && w.batch[i].Err == nil {
			writes++
			events += len(x.Events)
			bytes += eventBytes(x)
		}
	}
	w.mu.Lock()
	w.stats.Commits++
	w.stats.Writes += uint64(writes)
	w.stats.Events += uint64(events)
	w.stats.Bytes += uint64(bytes)
	w.stats.LastCommit = took
	w.mu.Unlock()

	w.metrics.commitSeconds.Observe(took.Seconds())
	w.metrics.batchWrites.Observe(float64(len(w.batch)))
	w.metrics.events.Add(float64(events))
	w.metrics.bytes.Add(float64(bytes))
}

// eventBytes returns how many bytes of events and snapshot x carries.
func eventBytes(x *actors.Write) int {
	n := len(x.Snapshot)
	for _, e := range x.Events {
		n += len(e)
	}
	return n
}

// Stats returns what the store has done.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Queued, s.QueuedBytes = w.queue.len(), w.queue.bytes
	if !w.since.IsZero() {
		s.Stall = time.Since(w.since)
	}
	return s
}
