package transports

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reddot/actors"
)

func TestRevocations(t *testing.T) {
	ctx := context.Background()
	records := newMemoryRecords()
	here, there := must(LoadRevocations(ctx, records)), must(LoadRevocations(ctx, records))
	var told []string
	tell := func(where string) func(string, string, time.Time) {
		return func(app, user string, at time.Time) {
			told = append(told, fmt.Sprint(where, " ", app, "/", user, " ", at.Unix()))
		}
	}
	here.OnRevoke(tell("here"))
	there.OnRevoke(tell("there"))
	at := time.Unix(1000, 0)
	refuses := func(r *Revocations, user string, issued int64, want bool) {
		t.Helper()
		if got := r.Refuses("shop", user, time.Unix(issued, 0)); got != want {
			t.Errorf("token of %s issued at %d: refused %t, want %t", user, issued, got, want)
		}
	}
	wantCode(t, here.Revoke(ctx, "shop", "alice", at), "", "")
	wantCode(t, here.Revoke(ctx, "shop", "alice", at.Add(-time.Hour)), "", "") // changes nothing
	refuses(here, "alice", 999, true)
	refuses(here, "alice", 1000, true)
	refuses(here, "alice", 1001, false)
	refuses(here, "bob", 999, false)
	if here.Refuses("other", "alice", at) || !here.Refuses("shop", "alice", time.Time{}) {
		t.Error("another app's user is refused, or a token without a date is not")
	}

	refuses(there, "alice", 999, false)
	for range 2 {
		if err := there.Reload(ctx); err != nil {
			t.Fatal(err)
		}
	}
	refuses(there, "alice", 999, true)
	if got := fmt.Sprint(told); got != "[here shop/alice 1000 there shop/alice 1000]" {
		t.Errorf("told %s", got)
	}

	wantCode(t, here.Lift(ctx, "shop", "alice"), "", "")
	wantCode(t, here.Lift(ctx, "shop", "alice"), "", "")
	refuses(here, "alice", 999, false)
	if err := there.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	refuses(there, "alice", 999, false)
}

func TestRevocationsRefuse(t *testing.T) {
	ctx := context.Background()
	records := newMemoryRecords()
	r := must(LoadRevocations(ctx, records))
	wantCode(t, r.Revoke(ctx, "a/b", "alice", time.Now()), actors.Invalid, "")
	wantCode(t, r.Revoke(ctx, "a", "me", time.Now()), actors.Invalid, "")
	records.fail = errors.New("disk")
	if err := r.Revoke(ctx, "shop", "alice", time.Now()); !errors.Is(err, records.fail) {
		t.Errorf("got %v", err)
	}
	if err := r.Lift(ctx, "shop", "alice"); !errors.Is(err, records.fail) {
		t.Errorf("got %v", err)
	}
	if r.Refuses("shop", "alice", time.Time{}) {
		t.Error("what is not stored must not count: the caller was told that it failed")
	}
	records.all[revocationKind] = map[string][]byte{"x": []byte("{}")}
	if err := r.Reload(ctx); err == nil {
		t.Error("a key without an app is taken")
	}
}
