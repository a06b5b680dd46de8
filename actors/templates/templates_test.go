package templates

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/catalog"
	"reddot/actors/content"
	"reddot/actors/reviewed"
)

// nodes returns two on the same records.
func nodes(t *testing.T) (a, b *Templates) {
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	return New(reviewed.Config{Now: time.Now}, j), New(reviewed.Config{Now: time.Now}, j)
}

func text(t testing.TB, title string) *content.Template {
	t.Helper()
	x, err := content.Parse([]byte(fmt.Sprintf(`{"locale":"en","content":{"en":{"inapp":{"title":%q}}}}`, title)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func once(key string) actors.Once {
	return actors.CallersOnce("key:ann", key, []byte("POST"), nil, nil, nil, nil)
}

// states shows a record as "1:approved 2:live".
func states(h reviewed.Head) string {
	var s []string
	for _, v := range h.Record.Versions {
		s = append(s, fmt.Sprint(v.Number, ":", v.State))
	}
	return strings.Join(s, " ")
}

// TestTemplates goes from a draft to what is sent, each step on the other node.
func TestTemplates(t *testing.T) {
	a, b := nodes(t)
	ctx := t.Context()
	x := text(t, "one")
	r, err := a.Write(ctx, "shop", "hello", x, reviewed.Change{By: "ann"})
	if err != nil || !r.Created || states(r.Head) != "1:draft" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if r, err = b.Write(ctx, "shop", "hello", x, reviewed.Change{By: "ann"}); err != nil || r.Created || states(r.Head) != "1:draft" {
		t.Errorf("the same again: %+v, %v", r, err)
	}
	for _, version := range []uint64{0, 1} {
		if _, _, err := a.Sendable(ctx, "shop", "hello", version); err == nil || actors.AsError(err).Code != actors.Conflict {
			t.Errorf("a draft is sent as version %d: %v", version, err)
		}
	}
	moves := []struct {
		on   *Templates
		o    content.Order
		by   string
		want string
	}{
		{b, content.Order{Move: content.Submit}, "ann", "1:in_review"},
		{a, content.Order{Move: content.Approve, Version: 1, Hash: x.Hash()}, "bob", "1:approved"},
		{b, content.Order{Move: content.Publish, Version: 1}, "bob", "1:live"},
	}
	for _, m := range moves {
		if r, err = m.on.Move(ctx, "shop", "hello", m.o, reviewed.Change{By: m.by}); err != nil || states(r.Head) != m.want || r.Record.Move != m.o.Move {
			t.Fatalf("%s: got %v, %v", m.o.Move, r, err)
		}
	}
	got, v, err := a.Sendable(ctx, "shop", "hello", 0)
	if err != nil || v.Number != 1 || got.Hash() != x.Hash() || got.Hash() != v.Hash {
		t.Errorf("got %v, %v", v, err)
	}
	if _, _, err := a.Sendable(ctx, "other", "hello", 0); actors.AsError(err).Code != actors.NotFound {
		t.Errorf("another app's: %v", err)
	}
	if _, err := b.Move(ctx, "shop", "hello", content.Order{Move: content.Archive}, reviewed.Change{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Sendable(ctx, "shop", "hello", 1); actors.AsError(err).Code != actors.Conflict {
		t.Errorf("archived, and sent: %v", err)
	}
	if list, next, err := a.List(ctx, "shop", "", 10); err != nil || len(list) != 1 || next != "" {
		t.Errorf("got %v, %s, %v", list, next, err)
	}
}

// TestMoveAgain: a move that comes again under its key is answered as then, whatever has
// happened since.
func TestMoveAgain(t *testing.T) {
	a, b := nodes(t)
	ctx := t.Context()
	x := text(t, "one")
	if _, err := a.Write(ctx, "shop", "hello", x, reviewed.Change{By: "ann", Once: once("k1")}); err != nil {
		t.Fatal(err)
	}
	submit := content.Order{Move: content.Submit, Version: 1}
	if _, err := a.Move(ctx, "shop", "hello", submit, reviewed.Change{By: "ann", Once: once("k2")}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(ctx, "shop", "hello", text(t, "two"), reviewed.Change{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	r, err := b.Move(ctx, "shop", "hello", submit, reviewed.Change{By: "ann", Once: once("k2")})
	if err != nil || !r.Replayed || states(r.Head) != "1:in_review" {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err = b.Write(ctx, "shop", "hello", x, reviewed.Change{By: "ann", Once: once("k1")}); err != nil || !r.Replayed || states(r.Head) != "1:draft" {
		t.Errorf("got %+v, %v", r, err)
	}
	noted := 0
	_, err = b.Move(ctx, "shop", "hello", submit, reviewed.Change{By: "ann", Once: once("k3"), Noting: func(_, _ *content.Version) error { noted++; return nil }})
	if actors.AsError(err).Code != actors.Conflict || noted != 0 {
		t.Errorf("got %v, noted %d times", err, noted)
	}
	if h, err := a.Find(ctx, "shop", "hello"); err != nil || states(h) != "1:archived 2:draft" {
		t.Errorf("got %v, %v", h, err)
	}
}

// TestMoveMatch: a change may be bound to what was read.
func TestMoveMatch(t *testing.T) {
	a, _ := nodes(t)
	ctx := t.Context()
	at := func(n uint64) func(uint64) bool { return func(now uint64) bool { return now == n } }
	if _, err := a.Write(ctx, "shop", "hello", text(t, "one"), reviewed.Change{By: "ann", Match: at(1)}); !errors.Is(err, catalog.ErrNoMatch) {
		t.Errorf("got %v", err)
	}
	if _, err := a.Write(ctx, "shop", "hello", text(t, "one"), reviewed.Change{By: "ann", Match: at(0), Once: once("k")}); err != nil {
		t.Error(err)
	}
	if _, err := a.Write(ctx, "shop", "hello", text(t, "two"), reviewed.Change{By: "ann", Match: at(7), Once: once("k2")}); !errors.Is(err, catalog.ErrNoMatch) {
		t.Errorf("got %v", err)
	}
}

// TestTwoNodesAtOnce: of many who approve, publish and write at once, each decides on what
// the one before has left.
func TestTwoNodesAtOnce(t *testing.T) {
	a, b := nodes(t)
	ctx := t.Context()
	const writers = 8
	var wg sync.WaitGroup
	var busy atomic.Int32
	for i := range writers {
		wg.Go(func() {
			_, err := []*Templates{a, b}[i%2].Write(ctx, "shop", "hello", text(t, fmt.Sprint(i)), reviewed.Change{By: "ann"})
			if err != nil {
				if actors.AsError(err).Code != actors.Busy {
					t.Error(err)
				}
				busy.Add(1)
			}
		})
	}
	wg.Wait()
	h, err := a.Find(ctx, "shop", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(h.Record.Versions); n != writers-int(busy.Load()) || h.Record.Find(0).Number != uint64(n) {
		t.Errorf("%s, and %d were too many", states(h), busy.Load())
	}
	x, _, v, err := b.Open(ctx, "shop", "hello", 0)
	if err != nil || x.Hash() != v.Hash {
		t.Fatalf("the text of %v is another's: %v", v, err)
	}
	if _, err := a.Move(ctx, "shop", "hello", content.Order{Move: content.Submit}, reviewed.Change{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	var won, lost atomic.Int32
	for i := range 6 {
		wg.Go(func() {
			o := content.Order{Move: content.Approve, Version: v.Number, Hash: v.Hash}
			if i%3 == 0 {
				o = content.Order{Move: content.Reject, Version: v.Number, Reason: "no"}
			}
			_, err := []*Templates{a, b}[i%2].Move(ctx, "shop", "hello", o, reviewed.Change{By: fmt.Sprint("bob", i)})
			switch {
			case err == nil:
				won.Add(1)
			case actors.AsError(err).Code == actors.Conflict:
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 5 {
		t.Errorf("%d reviewers decided, %d came too late", won.Load(), lost.Load())
	}
}
