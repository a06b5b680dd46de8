package actorstest

import (
	"context"
	"testing"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/index"
)

// Preview returns the users of the default app whom an expression finds at now (unix
// milliseconds), up to limit of them in the order of the index, and how many it counts.
func (j *Journal) Preview(t testing.TB, where string, now int64, limit int) (users []string, count int) {
	t.Helper()
	s, err := audience.Check(where)
	if err != nil {
		t.Fatal(err)
	}
	x := index.New(j)
	if users, err = x.First(context.Background(), actors.DefaultApp, s, now, limit); err != nil {
		t.Fatal(err)
	}
	if count, err = x.Count(context.Background(), actors.DefaultApp, s, now); err != nil {
		t.Fatal(err)
	}
	return users, count
}
