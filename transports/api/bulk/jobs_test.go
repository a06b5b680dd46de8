package bulk

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// figures returns what a registry has that is not zero.
func figures(t *testing.T, r *prometheus.Registry) string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "reddot_imports_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				list = append(list, fmt.Sprint(name, " ", v))
			}
		}
	}
	return strings.Join(list, ", ")
}

// What imports do is counted: how each request ended, lines that were written and refused,
// not empty ones; and which are under way.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.run(order, strings.NewReader("{\"user\":\"ann\"}\n\nno JSON\n{\"user\":\"bob\"}\n"))
	if got, want := figures(t, w.metrics), "ended_total done 1, lines_total refused 1, lines_total written 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	o := order
	o.Job = "broken"
	w.run(o, io.MultiReader(strings.NewReader("{\"user\":\"ann\"}\n"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	o.Job = "cancelled"
	in, out := io.Pipe()
	im, err := Begin(t.Context(), Config{Checkpoint: time.Millisecond}, w.deps, o, in)
	if err != nil {
		t.Fatal(err)
	}
	during := ""
	err = im.Run(t.Context(), func([]byte) error {
		if during == "" {
			during = figures(t, w.metrics)
			_ = w.deps.Jobs.End(t.Context(), actors.DefaultApp, o.Job)
		}
		return nil
	})
	_ = out.Close()
	<-im.Ended()
	if !strings.Contains(during, "running 1") || err != nil {
		t.Errorf("under way: got %s, %v", during, err)
	}
	if got, want := figures(t, w.metrics), "ended_total cancelled 1, ended_total done 1, ended_total paused 1, lines_total refused 1, lines_total written 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// meddled records are changed by somebody else before they are swapped.
type meddled struct {
	*actorstest.Journal
	meddle func()
}

func (m *meddled) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		meddle()
	}
	return m.Journal.SwapRecord(ctx, kind, key, old, value)
}

// A job is taken over while whoever works on it writes down how far it is.
func TestJobTakenWhileItIsWritten(t *testing.T) {
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	records := &meddled{Journal: j}
	jobs := NewJobs(records, time.Now)
	job := Job{ID: "spring", Format: NDJSON, Mode: Merge}
	first, err := jobs.begin(t.Context(), actors.DefaultApp, job)
	if err != nil {
		t.Fatal(err)
	}
	records.meddle = func() {
		first.job.Lines = 7
		if err := first.save(t.Context()); err != nil {
			t.Error(err)
		}
	}
	second, err := jobs.begin(t.Context(), actors.DefaultApp, job)
	if err != nil || second.job.Lines != 7 {
		t.Fatalf("got %+v, %v", second, err)
	}
	if err := first.save(t.Context()); actors.AsError(err).Code != actors.Conflict {
		t.Errorf("the first one goes on: %v", err)
	}
}
