package load

import (
	"context"

	"reddot/cmd/internal/load/report"
)

// Single messages to one user each, at a fixed rate, beside broadcasts and, for
// comparison, before them: a broadcast may not delay them.
type singles struct {
	every  int64 // nanoseconds; 0: there are none
	next   int64 // when the next one is due
	beside bool  // broadcasts are under way
	took   [2]report.Latencies
}

func newSingles(cfg *Config) singles {
	s := singles{took: [2]report.Latencies{report.NewLatencies(), report.NewLatencies()}}
	if cfg.Singles > 0 {
		s.every = int64(1e9 * float64(cfg.Workers) / cfg.Singles)
	}
	return s
}

// alone sends single messages while nothing else is under way.
func (w *worker) alone(ctx context.Context) error {
	s := &w.singles
	if s.every == 0 {
		return nil
	}
	w.say("single messages")
	begin := w.b.barrier.wait(w.now)
	s.next, w.from, w.upTo = begin, begin+int64(w.cfg.WarmUp), begin+int64(w.cfg.WarmUp+w.cfg.Duration)
	w.feed = w.single
	w.until(ctx, w.upTo, func() bool { return false })
	w.feed = nil
	err := w.progress(ctx, "single messages", w.cfg.Timeout, func() int { return len(w.idle) }, func(n int) bool { return n == len(w.pubs) })
	s.beside, s.next = true, w.now()
	return err
}

// single sends a message to one user if it is time.
func (w *worker) single(p *publisher, due int64) bool {
	s := &w.singles
	if s.every == 0 || due < s.next {
		return false
	}
	at := s.next
	s.next += s.every
	p.message(w.random.IntN(len(w.users)), at)
	return true
}

// nextFeed returns when there is something to feed again that no arrival tells of.
func (s *singles) nextFeed() int64 {
	if s.every == 0 {
		return never
	}
	return s.next
}

// recordAnswer takes how long the answer to a message for one user took.
func (w *worker) recordAnswer(ns int64) {
	switch s := &w.singles; {
	case s.every == 0:
		w.answers.Record(ns)
	case s.beside:
		s.took[1].Record(ns)
	default:
		s.took[0].Record(ns)
	}
}

// tellSingles notes what was measured.
func (w *worker) tellSingles() {
	if w.singles.every == 0 {
		return
	}
	for i, name := range []string{"idle", "beside broadcasts"} {
		q := w.singles.took[i].Quantiles()
		w.b.note("single publish to answer, "+name+", p50, ms", q.P50/1e3)
		w.b.note("single publish to answer, "+name+", p99, ms", q.P99/1e3)
	}
}
