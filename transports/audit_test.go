package transports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/transportstest"
)

// brokenRecords fail while broken.
type brokenRecords struct {
	actors.Records
	broken bool
}

func (r *brokenRecords) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	if r.broken {
		return actors.Errorf(actors.Unavailable, "the store is away")
	}
	return r.Records.PutRecord(ctx, kind, key, value)
}

func newTestAudit(t *testing.T, cfg AuditConfig) (*Audit, *brokenRecords, *time.Time) {
	t.Helper()
	now := time.UnixMilli(1_769_851_800_000)
	cfg.Now = func() time.Time { return now }
	r := &brokenRecords{Records: transportstest.NewRecords()}
	return NewAudit(cfg, r, slog.New(slog.DiscardHandler)), r, &now
}

func listed(t *testing.T, a *Audit, q AuditQuery) string {
	t.Helper()
	var all []string
	for {
		if q.Limit == 0 {
			q.Limit = 2
		}
		list, next, err := a.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			s := e.Action + " " + e.Target
			if e.Count > 0 {
				s += fmt.Sprint(" x", e.Count)
			}
			if e.Failed != "" {
				s += " failed: " + e.Failed
			}
			all = append(all, s)
		}
		if q.After = next; next == "" {
			return strings.Join(all, "; ")
		}
	}
}

// Entries of one millisecond are in the order in which they were written.
func TestAuditOrder(t *testing.T) {
	a, _, _ := newTestAudit(t, AuditConfig{})
	now := a.cfg.Now()
	last := ""
	for n := range 5000 {
		id := a.nextID(now)
		if n < 4096 && id <= last {
			t.Fatalf("%d: %s after %s", n, id, last)
		}
		last = id
		if n%500 == 0 {
			time.Sleep(time.Millisecond) // the clock of ids goes on meanwhile
		}
	}
	if next := a.nextID(now.Add(time.Millisecond)); next <= last {
		t.Errorf("%s after %s", next, last)
	}
}

// Nothing is done without an entry, and what failed is told as such.
func TestAuditIsWrittenFirst(t *testing.T) {
	a, r, _ := newTestAudit(t, AuditConfig{})
	all := AuditQuery{All: true}
	done := 0
	do := func(e AuditEntry, err error) error {
		return a.Do(t.Context(), e, func() error {
			done++
			if n := strings.Count(listed(t, a, all), e.Target); n != done {
				t.Errorf("%s is done with %d entries", e.Target, n)
			}
			return err
		})
	}
	if err := do(AuditEntry{Action: AuditKeyRevoke, Target: "key:a"}, nil); err != nil {
		t.Error(err)
	}
	r.broken = true
	if err := do(AuditEntry{Action: AuditKeyRevoke, Target: "key:b"}, nil); actors.AsError(err).Code != actors.Unavailable || done != 1 {
		t.Errorf("got %v; done: %d", err, done)
	}
	r.broken, done = false, 0
	if err := do(AuditEntry{Action: AuditDrain, Target: "c"}, actors.Errorf(actors.Busy, "no")); err == nil {
		t.Error("the failure is not told")
	}
	if got, want := listed(t, a, all), "key.revoke key:a; server.drain c; server.drain c failed: no"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var none *Audit
	if err := none.Do(t.Context(), AuditEntry{}, func() error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// Each app sees its own, in pages, by time, action and actor.
func TestAuditList(t *testing.T) {
	a, _, now := newTestAudit(t, AuditConfig{})
	began := *now
	for i := range 1200 {
		*now = now.Add(time.Second)
		e := AuditEntry{App: []string{"shop", "bank", ""}[i%3], Action: AuditDisconnect, Target: fmt.Sprint("user:", i), Actor: "key:a"}
		if i == 601 { // bank's
			e.Actor, e.Action = "key:b", AuditKeyCreate
		}
		if err := a.Note(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		q    AuditQuery
		want int
	}{
		"all": {AuditQuery{All: true}, 1200}, "an app": {AuditQuery{App: "shop"}, 400}, "another": {AuditQuery{All: true, App: "bank"}, 400},
		"none": {AuditQuery{App: "x"}, 0}, "actor": {AuditQuery{All: true, Actor: "key:b"}, 1}, "action": {AuditQuery{App: "bank", Action: AuditKeyCreate}, 1},
		"not its": {AuditQuery{App: "shop", Action: AuditKeyCreate}, 0}, "since": {AuditQuery{All: true, Since: began.Add(1191 * time.Second)}, 10},
		"until": {AuditQuery{All: true, Until: began.Add(11 * time.Second)}, 10}, "between": {AuditQuery{App: "shop", Since: began.Add(10 * time.Second), Until: began.Add(20 * time.Second)}, 4},
	} {
		c.q.Limit = 37
		got := listed(t, a, c.q)
		if n := strings.Count(got, ":"); n != c.want {
			t.Errorf("%s: got %d, want %d", name, n, c.want)
		}
	}
}

// What is too old goes, then the oldest; failed logins push nothing else out.
func TestAuditIsBounded(t *testing.T) {
	a, _, now := newTestAudit(t, AuditConfig{Keep: 24 * time.Hour, Size: 20_000})
	note := func(action, target string) {
		t.Helper()
		*now = now.Add(time.Second)
		if err := a.Note(t.Context(), AuditEntry{Action: action, Target: target}); err != nil {
			t.Fatal(err)
		}
	}
	note(AuditKeyCreate, "too old")
	*now = now.Add(24 * time.Hour)
	note(AuditKeyCreate, "the oldest")
	for range 500 {
		note(AuditLoginFailed, "token")
	}
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := listed(t, a, AuditQuery{All: true, Limit: 100})
	if n := strings.Count(got, "login.failed"); n < 20 || n > 40 || strings.Contains(got, "too old") || !strings.Contains(got, "the oldest") {
		t.Errorf("%d failed logins are left: %s", n, got)
	}
	for i := range 500 {
		note(AuditKeyCreate, fmt.Sprint("key:", i))
	}
	if len(a.full) == 0 {
		t.Error("nobody is told that it is full")
	}
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	got = listed(t, a, AuditQuery{All: true, Limit: 100})
	if len(got) > 20_000 || strings.Contains(got, "the oldest") || !strings.HasSuffix(got, "key:499") || strings.Count(got, "key.create") < 80 {
		t.Errorf("left are: %s", got)
	}
	if err := a.Note(t.Context(), AuditEntry{Action: AuditReload, After: []byte(`"` + strings.Repeat("x", maxAuditEntry) + `"`)}); err != nil {
		t.Error(err)
	}
}

// However many logins fail, and from wherever, few entries stand for all of them.
func TestFailedLoginsAreSampled(t *testing.T) {
	a, r, _ := newTestAudit(t, AuditConfig{})
	sent := 0
	for i := range 5000 {
		from := netip.AddrFrom4([4]byte{192, 0, byte(i / 256), byte(i)})
		for range 1 + 100*max(0, 3-i) {
			a.LoginFailed(from, AuditEntry{Target: "token", Failed: "bad"})
			sent++
		}
	}
	if n := len(a.failed.from); n > maxFailing {
		t.Errorf("%d addresses are held", n)
	}
	r.broken = true
	if err := a.NoteFailures(t.Context()); err == nil {
		t.Error("the failure is not told")
	}
	r.broken = false
	a.LoginFailed(netip.MustParseAddr("2001:db8::1"), AuditEntry{Target: "key:x", Failed: "revoked"})
	a.LoginFailed(netip.MustParseAddr("2001:db8::2"), AuditEntry{Target: "key:y", Failed: "revoked"}) // of the same network
	if err := a.NoteFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := listed(t, a, AuditQuery{All: true}), fmt.Sprintf("login.failed key:x x2 failed: revoked; login.failed  x%d failed: from other addresses", sent); got != want && !sameParts(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// sameParts compares lists whose order within a millisecond is open.
func sameParts(a, b string) bool {
	x, y, _ := strings.Cut(a, "; ")
	return b == y+"; "+x
}
