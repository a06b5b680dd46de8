package bulk

import (
	"context"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

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
