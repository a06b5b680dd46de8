package store

import "reddot/actors"

// A Job is a write of an actor, one of a record, or the taking of shards: one of
// the first three is set.
type Job struct {
	Write  *actors.Write
	Record *RecordWrite
	Take   *Take
	size   int   // bytes, about
	Err    error // why the engine has refused it: nothing of it was or will be done
}

// A RecordWrite sets or deletes a record. Its caller waits at done.
type RecordWrite struct {
	Kind, Key string
	Value     []byte
	Delete    bool
	Swap      bool       // only where the record is Old
	Old       []byte     // nil: where there is none
	done      chan error // has room for the one answer
}

// A queue is what waits for a commit, bounded by count and by bytes. The
// writer's mutex guards it.
type queue struct {
	maxJobs  int
	maxBytes int

	jobs  []Job // those before head are taken
	head  int
	bytes int
}

// len returns how many jobs wait.
func (q *queue) len() int { return len(q.jobs) - q.head }

// put adds j unless the queue is full.
func (q *queue) put(j Job) bool {
	n := q.len()
	if n >= q.maxJobs || n > 0 && q.bytes+j.size > q.maxBytes {
		return false
	}
	if q.head > 0 && len(q.jobs) == cap(q.jobs) { // reuse the room of what was taken
		copy(q.jobs, q.jobs[q.head:])
		clear(q.jobs[n:])
		q.jobs, q.head = q.jobs[:n], 0
	}
	q.jobs = append(q.jobs, j)
	q.bytes += j.size
	return true
}

// take appends to dst the oldest jobs, up to maxJobs and maxBytes, at least
// one if there is one.
func (q *queue) take(dst []Job, maxJobs, maxBytes int) []Job {
	end, bytes := q.head, 0
	for end < len(q.jobs) && end-q.head < maxJobs {
		if end > q.head && bytes+q.jobs[end].size > maxBytes {
			break
		}
		bytes += q.jobs[end].size
		end++
	}
	dst = append(dst, q.jobs[q.head:end]...)
	clear(q.jobs[q.head:end])
	q.head, q.bytes = end, q.bytes-bytes
	if q.head == len(q.jobs) {
		q.jobs, q.head = q.jobs[:0], 0
	}
	return dst
}

// writeSize returns about how many bytes w puts into a batch.
func writeSize(w *actors.Write) int {
	const perKey = 24
	n := len(w.Snapshot) + perKey
	for _, e := range w.Events {
		n += len(e) + len(w.Stream.Key) + perKey
	}
	for _, r := range w.Rewrite {
		n += len(r.Event) + len(w.Stream.Key) + perKey
	}
	n += (len(w.Own) + len(w.Disown) + len(w.Claim) + len(w.Release) + len(w.Tally) + int(actors.NumTallies)*len(w.Untally) + 2*len(w.Delete)) * (len(w.Stream.Key) + perKey)
	for _, r := range w.Index {
		n += len(r.Key) + len(r.Value) + perKey
	}
	for _, r := range w.Records {
		n += len(r.Kind) + len(r.Key) + len(r.Value) + perKey
	}
	return n
}
