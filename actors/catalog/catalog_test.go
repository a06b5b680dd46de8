package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// A world is a catalog with a clock that the test moves, and records that fail when
// they are told to.
type world struct {
	*Catalog
	t       *testing.T
	now     time.Time
	records *records
}

type records struct {
	actors.SwapRecords
	swapped func(err error) error // what the caller hears of a swap
	put     error
}

func (r *records) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	err := r.SwapRecords.SwapRecord(ctx, kind, key, old, value)
	if r.swapped != nil {
		return r.swapped(err)
	}
	return err
}

func (r *records) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	if r.put != nil {
		return r.put
	}
	return r.SwapRecords.PutRecord(ctx, kind, key, value)
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), records: &records{SwapRecords: j}}
	cfg.Kind, cfg.Now = "segment", func() time.Time { return w.now }
	w.Catalog = New(cfg, w.records)
	return w
}

func body(text string) json.RawMessage {
	b, _ := json.Marshal(text)
	return b
}

// key is the caller's, for a request with the text.
func key(name, text string) actors.Once { return actors.CallersOnce("key:1", name, []byte(text)) }

// apply changes "vip" of "shop" and tells in short what came of it.
func (w *world) apply(ch Change) string {
	w.t.Helper()
	return w.applyTo("shop", "vip", ch)
}

func (w *world) applyTo(app, name string, ch Change) string {
	w.t.Helper()
	r, err := w.Apply(w.t.Context(), app, name, ch)
	if err != nil {
		return string(actors.AsError(err).Code)
	}
	s := fmt.Sprintf("%d %s", r.Entry.Version, r.Entry.Body)
	if r.Created {
		s += " created"
	}
	if r.Entry.Removed {
		s += " removed"
	}
	if r.Replayed {
		s += " replayed"
	}
	return s
}

func (w *world) read(version uint64) string {
	w.t.Helper()
	e, err := w.Read(w.t.Context(), "shop", "vip", version)
	if err != nil {
		return string(actors.AsError(err).Code)
	}
	return fmt.Sprintf("%d %s by %s", e.Version, e.Body, e.By)
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got %q, want %q", got, want)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(w.read(0), "not_found")
	w.want(w.apply(Change{}), "not_found")
	w.want(w.apply(Change{Body: body("a"), By: "key:1"}), `1 "a" created`)
	w.want(w.apply(Change{Body: body("a"), By: "key:2"}), `1 "a"`)
	w.want(w.apply(Change{Body: body("b"), By: "key:2"}), `2 "b"`)
	w.want(w.read(0), `2 "b" by key:2`)
	w.want(w.read(1), `1 "a" by key:1`)
	w.want(w.read(2), `2 "b" by key:2`)
	w.want(w.read(3), "not_found")

	w.want(w.apply(Change{}), "3  removed")
	w.want(w.apply(Change{}), "not_found")
	w.want(w.read(0), "not_found")
	w.want(w.read(3), "not_found")
	w.want(w.read(2), `2 "b" by key:2`)
	w.want(w.apply(Change{Body: body("c")}), `4 "c" created`)
	w.want(w.read(1), `1 "a" by key:1`)
	w.want(w.read(4), `4 "c" by `)
}

func TestKeys(t *testing.T) {
	w := newWorld(t, Config{})
	first, second := Change{Body: body("a"), Once: key("k1", "a")}, Change{Body: body("b"), Once: key("k2", "b")}
	w.want(w.apply(first), `1 "a" created`)
	w.want(w.apply(first), `1 "a" created replayed`)
	w.want(w.apply(second), `2 "b"`)
	w.want(w.apply(first), `1 "a" created replayed`)
	w.want(w.apply(Change{Body: body("c"), Once: key("k1", "c")}), "idempotency_conflict")
	w.want(w.read(0), `2 "b" by `)
	w.want(w.apply(Change{Body: body("b"), Once: key("k3", "b")}), `3 "b"`) // it has to be known when it comes again
	w.want(w.apply(Change{Once: key("k4", "")}), "4  removed")
	w.want(w.apply(Change{Once: key("k4", "")}), "4  removed replayed")
	w.now = w.now.Add(onceFor)
	w.want(w.apply(first), `5 "a" created`)
}

// TestUnknownOutcome: a change whose answer got lost is found under its key.
func TestUnknownOutcome(t *testing.T) {
	w := newWorld(t, Config{})
	lost := actors.Errorf(actors.Unavailable, "lost")
	w.records.swapped = func(error) error { return lost }
	w.want(w.apply(Change{Body: body("a"), Once: key("k1", "a")}), "unavailable")
	w.records.swapped = nil
	w.want(w.apply(Change{Body: body("a"), Once: key("k1", "a")}), `1 "a" created replayed`)

	// A crash between the copy of the old version and the new one.
	w.records.swapped = func(error) error { return lost }
	w.records.SwapRecords = noSwaps{w.records.SwapRecords}
	w.want(w.apply(Change{Body: body("b")}), "unavailable")
	w.records.SwapRecords, w.records.swapped = w.records.SwapRecords.(noSwaps).SwapRecords, nil
	w.want(w.read(0), `1 "a" by `)
	w.want(w.apply(Change{Body: body("c")}), `2 "c"`)
	w.want(w.read(1), `1 "a" by `)

	w.records.put = lost
	w.want(w.apply(Change{Body: body("d")}), "unavailable")
	w.want(w.read(0), `2 "c" by `)
}

type noSwaps struct{ actors.SwapRecords }

func (noSwaps) SwapRecord(context.Context, string, string, []byte, []byte) error { return nil }

func TestMatch(t *testing.T) {
	w := newWorld(t, Config{})
	is := func(want uint64) func(uint64) bool { return func(v uint64) bool { return v == want } }
	w.want(w.apply(Change{Body: body("a"), Match: is(1)}), "conflict")
	w.want(w.apply(Change{Body: body("a"), Match: is(0)}), `1 "a" created`)
	w.want(w.apply(Change{Body: body("a"), Match: is(0)}), "conflict")
	w.want(w.apply(Change{Body: body("b"), Match: is(1)}), `2 "b"`)
	w.want(w.apply(Change{Match: is(1)}), "conflict")
	w.want(w.apply(Change{Match: is(2)}), "3  removed")
	w.want(w.apply(Change{Body: body("c"), Match: is(0)}), `4 "c" created`)
}

// TestNoting: what is to be written is told before, and nothing is written without.
func TestNoting(t *testing.T) {
	w := newWorld(t, Config{})
	var noted []string
	var fail error
	note := func(before, after *Entry) error {
		from := "nothing"
		if len(before.Body) > 0 {
			from = string(before.Body)
		}
		noted = append(noted, from+" to "+string(after.Body))
		return fail
	}
	w.want(w.apply(Change{Body: body("a"), Noting: note}), `1 "a" created`)
	w.want(w.apply(Change{Body: body("a"), Noting: note}), `1 "a"`)
	fail = actors.Errorf(actors.Unavailable, "no")
	w.want(w.apply(Change{Body: body("b"), Noting: note}), "unavailable")
	fail = nil
	w.want(w.read(0), `1 "a" by `)
	w.want(w.apply(Change{Noting: note}), "2  removed")
	w.want(w.apply(Change{Body: body("c"), Noting: note}), `3 "c" created`)
	if want := []string{`nothing to "a"`, `"a" to "b"`, `"a" to `, `nothing to "c"`}; !slices.Equal(noted, want) {
		t.Errorf("got %q, want %q", noted, want)
	}
}

// TestAtOnce: each of many writers' changes is a version of its own.
func TestAtOnce(t *testing.T) {
	w := newWorld(t, Config{})
	const writers, rounds = 6, 10
	var all sync.WaitGroup
	var mu sync.Mutex
	made := map[uint64]string{}
	for i := range writers {
		all.Go(func() {
			for n := range rounds {
				text := fmt.Sprint(i, "/", n)
				for {
					r, err := w.Apply(t.Context(), "shop", "vip", Change{Body: body(text), Once: key(text, text)})
					if err == nil {
						mu.Lock()
						made[r.Entry.Version] = text
						mu.Unlock()
						break
					}
					if code := actors.AsError(err).Code; code != actors.Busy {
						t.Errorf("%s: %v", text, err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	for v := uint64(1); v <= writers*rounds; v++ {
		w.want(w.read(v), fmt.Sprintf("%d %s by ", v, body(made[v])))
	}
	w.want(w.read(writers*rounds+1), "not_found")
}

func TestBoundOfVersions(t *testing.T) {
	w := newWorld(t, Config{Versions: 3, Keep: 10 * time.Hour})
	for i := range 3 {
		w.want(w.apply(Change{Body: body(fmt.Sprint(i))}), fmt.Sprintf("%d %q%s", i+1, fmt.Sprint(i), map[bool]string{true: " created"}[i == 0]))
		w.now = w.now.Add(time.Hour)
	}
	w.want(w.apply(Change{Body: body("x")}), "too_many") // the first was replaced two hours ago
	w.now = w.now.Add(8*time.Hour - time.Minute)
	w.want(w.apply(Change{Body: body("x")}), "too_many")
	w.want(w.read(1), `1 "0" by `)
	w.now = w.now.Add(time.Minute)
	w.want(w.apply(Change{Body: body("x")}), `4 "x"`)
	w.want(w.read(1), "not_found")
	w.want(w.read(2), `2 "1" by `)
	w.want(w.apply(Change{Body: body("y")}), "too_many")
	if _, err := w.Apply(t.Context(), "shop", "vip", Change{Body: body("y")}); !strings.Contains(err.Error(), "as many as one can have; the oldest was replaced at 2026-03-01T14:00:00Z") {
		t.Errorf("got %v", err)
	}
}

func TestBoundOfNames(t *testing.T) {
	w := newWorld(t, Config{Names: 2, Keep: 10 * time.Hour})
	w.want(w.applyTo("shop", "a", Change{Body: body("1")}), `1 "1" created`)
	w.want(w.applyTo("shop", "b", Change{Body: body("1")}), `1 "1" created`)
	w.want(w.applyTo("shop", "c", Change{Body: body("1")}), "too_many")
	w.want(w.applyTo("other", "c", Change{Body: body("1")}), `1 "1" created`)
	w.want(w.applyTo("shop", "a", Change{Body: body("2")}), `2 "2"`)
	w.want(w.applyTo("shop", "a", Change{}), "3  removed")
	w.want(w.applyTo("shop", "c", Change{Body: body("1")}), "too_many") // messages may still name a
	w.now = w.now.Add(10 * time.Hour)
	w.want(w.applyTo("shop", "c", Change{Body: body("1")}), `1 "1" created`)
	if list, err := w.records.ListRecords(t.Context(), "segment.old", "", 10); err != nil || len(list) > 0 {
		t.Errorf("of a forgotten name is left %v, %v", list, err)
	}
	w.want(w.applyTo("shop", "c", Change{}), "2  removed")
	w.now = w.now.Add(10 * time.Hour)
	w.want(w.applyTo("shop", "c", Change{Body: body("2")}), `3 "2" created`) // it was not forgotten: nobody needed the room
}

func TestList(t *testing.T) {
	w := newWorld(t, Config{})
	for i := range 5 {
		w.applyTo("shop", fmt.Sprint("s", i), Change{Body: body("x")})
	}
	w.applyTo("shop", "s2", Change{})
	w.applyTo("shopping", "s0", Change{Body: body("x")})
	w.applyTo("a", "s9", Change{Body: body("x")})
	var got []string
	for after := ""; ; {
		page, next, err := w.List(t.Context(), "shop", after, 2)
		if err != nil || len(page) > 2 {
			t.Fatal(page, err)
		}
		for _, e := range page {
			got = append(got, e.Name)
		}
		if next == "" {
			break
		}
		got, after = append(got, "|"), next
	}
	if want := "s0 s1 | s3 s4"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
