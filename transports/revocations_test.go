package transports

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	rules := TokenRules{Leeway: 30 * time.Second, MaxLifetime: time.Hour}
	refuses := func(r *Revocations, user string, issued int64, want bool) {
		t.Helper()
		if got := r.Refuses("shop", user, time.Unix(issued, 0), at, rules); (got != nil) != want {
			t.Errorf("token of %s issued at %d: refused %v, want %t", user, issued, got, want)
		}
	}
	wantCode(t, here.Revoke(ctx, "shop", "alice", at), "", "")
	wantCode(t, here.Revoke(ctx, "shop", "alice", at.Add(-time.Hour)), "", "") // changes nothing
	refuses(here, "alice", 999, true)
	refuses(here, "alice", 1030, true) // by an issuer whose clock goes 30 s before ours
	refuses(here, "alice", 1031, false)
	refuses(here, "bob", 999, false)
	if here.Refuses("other", "alice", at, at, rules) != nil {
		t.Error("another app's user is refused")
	}
	end := at.Add(rules.Leeway + rules.MaxLifetime)
	if err := here.Refuses("shop", "alice", time.Time{}, end.Add(-time.Second), rules); err == nil || !strings.Contains(err.Detail, "iat") || err.RetryAfter != time.Second {
		t.Errorf("a token without a date: %v", err)
	}
	if err := here.Refuses("shop", "alice", time.Time{}, end, rules); err != nil {
		t.Errorf("the block outlives every token that it is for: %v", err)
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

func TestRevocationsAreSwept(t *testing.T) {
	ctx := context.Background()
	records := newMemoryRecords()
	r := must(LoadRevocations(ctx, records))
	rules := TokenRules{Leeway: time.Second, MaxLifetime: time.Hour}
	at := time.Unix(1000, 0)
	wantCode(t, r.Revoke(ctx, "shop", "alice", at), "", "")
	wantCode(t, r.Revoke(ctx, "shop", "bob", at.Add(time.Minute)), "", "")
	wantCode(t, r.Revoke(ctx, "shop", "carol", at), "", "")
	wantCode(t, must(LoadRevocations(ctx, records)).Revoke(ctx, "shop", "carol", at.Add(time.Minute)), "", "") // by another server
	wantCode(t, r.Sweep(ctx, at.Add(time.Hour+time.Second), rules), "", "")
	if left := records.all[revocationKind]; len(left) != 2 || left["shop/bob"] == nil || left["shop/carol"] == nil {
		t.Errorf("left are %v, want bob's and carol's", left)
	}
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
	if r.Refuses("shop", "alice", time.Time{}, time.Now(), TokenRules{}.WithDefaults()) != nil {
		t.Error("what is not stored must not count: the caller was told that it failed")
	}
	records.all[revocationKind] = map[string][]byte{"x": []byte("{}")}
	if err := r.Reload(ctx); err == nil {
		t.Error("a key without an app is taken")
	}
}
