package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/transportstest"
)

func TestRevocations(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	here, there := transportstest.Must(LoadRevocations(ctx, records)), transportstest.Must(LoadRevocations(ctx, records))
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
	transportstest.WantCode(t, here.Revoke(ctx, "shop", "alice", at), "", "")
	transportstest.WantCode(t, here.Revoke(ctx, "shop", "alice", at.Add(-time.Hour)), "", "") // changes nothing
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

	transportstest.WantCode(t, here.Lift(ctx, "shop", "alice"), "", "")
	transportstest.WantCode(t, here.Lift(ctx, "shop", "alice"), "", "")
	refuses(here, "alice", 999, false)
	if err := there.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	refuses(there, "alice", 999, false)
}

func TestRevocationsAreSwept(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	r := transportstest.Must(LoadRevocations(ctx, records))
	rules := TokenRules{Leeway: time.Second, MaxLifetime: time.Hour}
	at := time.Unix(1000, 0)
	transportstest.WantCode(t, r.Revoke(ctx, "shop", "alice", at), "", "")
	transportstest.WantCode(t, r.Revoke(ctx, "shop", "bob", at.Add(time.Minute)), "", "")
	transportstest.WantCode(t, r.Revoke(ctx, "shop", "carol", at), "", "")
	transportstest.WantCode(t, transportstest.Must(LoadRevocations(ctx, records)).Revoke(ctx, "shop", "carol", at.Add(time.Minute)), "", "") // by another server
	transportstest.WantCode(t, r.Sweep(ctx, at.Add(time.Hour+time.Second), rules), "", "")
	if left := records.All[revocationKind]; len(left) != 2 || left["shop/bob"] == nil || left["shop/carol"] == nil {
		t.Errorf("left are %v, want bob's and carol's", left)
	}
}

func TestRevocationsRefuse(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	r := transportstest.Must(LoadRevocations(ctx, records))
	transportstest.WantCode(t, r.Revoke(ctx, "a/b", "alice", time.Now()), actors.Invalid, "")
	transportstest.WantCode(t, r.Revoke(ctx, "a", "me", time.Now()), actors.Invalid, "")
	records.Fail = errors.New("disk")
	if err := r.Revoke(ctx, "shop", "alice", time.Now()); !errors.Is(err, records.Fail) {
		t.Errorf("got %v", err)
	}
	if err := r.Lift(ctx, "shop", "alice"); !errors.Is(err, records.Fail) {
		t.Errorf("got %v", err)
	}
	if r.Refuses("shop", "alice", time.Time{}, time.Now(), TokenRules{}.WithDefaults()) != nil {
		t.Error("what is not stored must not count: the caller was told that it failed")
	}
	records.All[revocationKind] = map[string][]byte{"x": []byte("{}")}
	if err := r.Reload(ctx); err == nil {
		t.Error("a key without an app is taken")
	}
}
