package screening

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/keywords"
)

// records fail when they are told to, before or after they have written.
type records struct {
	actors.SwapRecords
	fail func() bool // nil: never
}

var errLost = actors.Errorf(actors.Unavailable, "lost")

func (r *records) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	if r.fail != nil && r.fail() {
		return errLost
	}
	err := r.SwapRecords.SwapRecord(ctx, kind, key, old, value)
	if r.fail != nil && r.fail() {
		return errLost
	}
	return err
}

func (r *records) ReadRecord(ctx context.Context, kind, key string) ([]byte, error) {
	if r.fail != nil && r.fail() {
		return nil, errLost
	}
	return r.SwapRecords.ReadRecord(ctx, kind, key)
}

// A world has nodes on the same records.
type world struct {
	t       *testing.T
	now     time.Time
	records *records
	nodes   []*Lists
	told    int
}

func newWorld(t *testing.T, cfg Config, nodes int) *world {
	t.Helper()
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), records: &records{SwapRecords: j}}
	cfg.Now, cfg.Changed = func() time.Time { return w.now }, func() { w.told++ }
	for range nodes {
		w.nodes = append(w.nodes, New(cfg, w.records))
	}
	return w
}

func (w *world) reload() {
	w.t.Helper()
	for _, n := range w.nodes {
		if err := n.Reload(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// edits makes edits of "word action"; an action "none" removes.
func edits(t *testing.T, words ...string) (all []Edit) {
	t.Helper()
	for _, text := range words {
		i := strings.LastIndexByte(text, ' ')
		w, err := keywords.ParseWord(text[:i])
		if err != nil {
			t.Fatal(err)
		}
		a, err := keywords.ParseAction(text[i+1:])
		if err != nil {
			a = 0
		}
		all = append(all, Edit{Word{text[:i], a}, w})
	}
	return all
}

// change tells in short what came of a change.
func (w *world) change(node int, list string, once actors.Once, words ...string) string {
	w.t.Helper()
	r, err := w.nodes[node].Change(w.t.Context(), "shop", list, Change{Words: edits(w.t, words...), Once: once})
	return told(r, err)
}

func told(r Result, err error) string {
	if err != nil {
		return string(actors.AsError(err).Code)
	}
	s := fmt.Sprintf("+%d ~%d -%d", r.Added, r.Changed, r.Removed)
	if r.Replayed {
		s += " replayed"
	}
	return s
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got %s, want %s", got, want)
	}
}

// words lists what is in a list.
func (w *world) words(node int, list string) string {
	w.t.Helper()
	var all []string
	err := w.nodes[node].Words(w.t.Context(), "shop", list, "", 100, func(word Word) bool {
		all = append(all, word.Text+" "+word.Action.String())
		return true
	})
	if err != nil {
		return string(actors.AsError(err).Code)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func key(name, text string) actors.Once { return actors.CallersOnce("key:1", name, []byte(text)) }

func TestChange(t *testing.T) {
	w := newWorld(t, Config{}, 2)
	none := actors.Once{}
	if w.nodes[0].Of("shop") != nil {
		t.Error("there is a screen without words")
	}
	w.want(w.words(0, "en"), "not_found")
	w.want(w.change(0, "en", none, "Bad block", "ugly mask", "bad  review"), "+2 ~0 -0")
	w.want(w.words(0, "en"), "bad  review, ugly mask")
	w.want(w.change(0, "en", none, "BAD mask", "ugly mask"), "+0 ~1 -0")
	w.want(w.words(0, "en"), "BAD mask, ugly mask")
	w.want(w.change(0, "en", none, "BAD mask"), "+0 ~0 -0")
	if w.told != 2 {
		t.Errorf("others are told %d times, want 2", w.told)
	}
	w.want(w.nodes[0].Of("shop").Check("So b.a.d and UGLY!").Text, "So ***** and ****!")
	if w.nodes[1].Of("shop") != nil || w.nodes[0].Of("bank") != nil {
		t.Error("who has not read them screens")
	}
	w.reload()
	w.want(w.nodes[1].Of("shop").Check("bad").Text, "***")
	w.want(w.change(1, "en", none, "bad none", "good none", "worse block"), "+1 ~0 -1")
	w.want(w.nodes[0].Of("shop").Check("bad").Text, "***")
	w.reload()
	w.want(w.nodes[0].Of("shop").Check("bad").Text, "bad")
	v := w.nodes[0].Of("shop").Check("bad 更 worse, worse")
	if h := v.First[keywords.Block]; v.Counts[keywords.Block] != 2 || h != (Hit{"en", "worse", keywords.Block, 6, 5}) {
		t.Errorf("got %v", v)
	}
	w.want(told(w.nodes[1].Delete(t.Context(), "shop", "en", Change{})), "+0 ~0 -2")
	w.want(told(w.nodes[1].Delete(t.Context(), "shop", "en", Change{})), "not_found")
	w.reload()
	w.want(w.words(0, "en"), "not_found")
	if w.nodes[0].Of("shop") != nil {
		t.Error("there is a screen of a list that is deleted")
	}
	w.want(w.change(0, "en", none, "bad block"), "+1 ~0 -0")
	w.want(w.words(0, "en"), "bad block")
}

func TestKeys(t *testing.T) {
	w := newWorld(t, Config{}, 2)
	w.want(w.change(0, "en", key("k1", "a"), "bad block"), "+1 ~0 -0")
	w.want(w.change(0, "en", key("k2", "b"), "bad none"), "+0 ~0 -1")
	w.want(w.change(1, "en", key("k1", "a"), "bad block"), "+1 ~0 -0 replayed")
	w.want(w.words(0, "en"), "")
	w.want(w.change(0, "en", key("k1", "c"), "worse block"), "idempotency_conflict")
	del := Change{Once: key("k3", "d")}
	w.want(told(w.nodes[1].Delete(t.Context(), "shop", "en", del)), "+0 ~0 -0")
	w.want(w.change(0, "en", actors.Once{}, "bad block"), "+1 ~0 -0")
	w.want(told(w.nodes[1].Delete(t.Context(), "shop", "en", del)), "+0 ~0 -0 replayed")
	w.want(w.words(0, "en"), "bad block")
	w.now = w.now.Add(onceFor * time.Millisecond)
	w.want(w.change(0, "en", key("k1", "c"), "worse block"), "+1 ~0 -0")

	// Of what nobody can ask for any more no mark is left.
	w.want(told(w.nodes[0].Delete(t.Context(), "shop", "en", Change{})), "+0 ~0 -2")
	w.now = w.now.Add(onceFor*time.Millisecond + time.Second)
	w.reload()
	if left, err := w.records.ListRecords(t.Context(), markKind, "", 10); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if left, err := w.records.ListRecords(t.Context(), bucketKind, "", 10); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, Config{Lists: 2, Words: 3, AppWords: 5}, 1)
	none := actors.Once{}
	w.want(w.change(0, "a", none, "a1 block", "a2 block", "a3 block"), "+3 ~0 -0")
	w.want(w.change(0, "a", none, "a4 block"), "too_many")
	w.want(w.change(0, "a", none, "a4 block", "a3 none"), "+1 ~0 -1")
	w.want(w.change(0, "a", none, "a4 mask"), "+0 ~1 -0")
	w.want(w.change(0, "b", none, "b1 block", "b2 block", "b3 block"), "too_many")
	w.want(w.change(0, "b", none, "b1 block", "b2 block"), "+2 ~0 -0")
	w.want(w.change(0, "c", none, "c1 block"), "too_many")
	w.want(told(w.nodes[0].Delete(t.Context(), "shop", "b", Change{})), "+0 ~0 -2")
	w.want(w.change(0, "c", none, "c1 block"), "too_many")
	w.now = w.now.Add(25 * time.Hour)
	w.reload()
	w.want(w.change(0, "c", none, "c1 block"), "+1 ~0 -0")
}

// TestNoting: nothing is written that could not be told.
func TestNoting(t *testing.T) {
	w := newWorld(t, Config{}, 1)
	no := actors.Errorf(actors.Unavailable, "no")
	_, err := w.nodes[0].Change(t.Context(), "shop", "en", Change{Words: edits(t, "bad block"), Noting: func() error { return no }})
	w.want(told(Result{}, err), "unavailable")
	w.want(w.words(0, "en"), "not_found")
	if len(w.nodes[0].apps) > 0 {
		t.Error("a list that was not made is kept")
	}
}

// TestPages lists words from any place on.
func TestPages(t *testing.T) {
	w := newWorld(t, Config{}, 1)
	var words []string
	for i := range 3000 {
		words = append(words, fmt.Sprint("w", i, " mask"))
	}
	w.want(w.change(0, "en", actors.Once{}, words...), "+3000 ~0 -0")
	if got := len(strings.Split(w.words(0, "en"), ", ")); got != 3000 {
		t.Errorf("got %d words", got)
	}
	var all []string
	for after := ""; ; {
		n := 0
		err := w.nodes[0].Words(t.Context(), "shop", "en", after, 3, func(word Word) bool {
			if n == 70 {
				return false
			}
			n++
			all = append(all, word.Text+" mask")
			after = word.Text
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if n < 70 {
			break
		}
	}
	slices.Sort(all)
	slices.Sort(words)
	if !slices.Equal(all, words) {
		t.Errorf("got %d words in pages", len(all))
	}
	lists, next := w.nodes[0].List("shop", "", 1)
	if len(lists) != 1 || next != "" || lists[0].Name != "en" || lists[0].Words != 3000 || !lists[0].UpdatedAt.Equal(w.now) {
		t.Errorf("got %v, %q", lists, next)
	}
}

// TestRandom lets nodes change lists at once, with lost answers; in the end all know what
// is stored, and that is what was answered for.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, Config{}, 3)
	w.records.fail = func() bool { return r.IntN(60) == 0 }
	names := []string{"a", "b"}
	// What may be in a list: a change whose answer was lost may have been done or not.
	may := map[string]map[string][]keywords.Action{"a": {}, "b": {}}
	for range 1500 {
		n, name := r.IntN(3), names[r.IntN(2)]
		switch r.IntN(12) {
		case 0:
			_ = w.nodes[n].Reload(t.Context()) // what fails is read by the next one
		case 1:
			if _, err := w.nodes[n].Delete(t.Context(), "shop", name, Change{}); err == nil || actors.AsError(err).Code == actors.NotFound {
				may[name] = map[string][]keywords.Action{}
			} else {
				for word := range may[name] {
					may[name][word] = append(may[name][word], 0)
				}
			}
		default:
			var words []string
			for range 1 + r.IntN(4) {
				words = append(words, fmt.Sprint("w", r.IntN(200), " ", []string{"none", "block", "mask", "allow"}[r.IntN(4)]))
			}
			all := edits(t, words...)
			_, err := w.nodes[n].Change(t.Context(), "shop", name, Change{Words: all})
			for _, e := range all {
				if err == nil {
					may[name][e.Text] = []keywords.Action{e.Action}
				} else {
					if len(may[name][e.Text]) == 0 {
						may[name][e.Text] = []keywords.Action{0}
					}
					may[name][e.Text] = append(may[name][e.Text], e.Action)
				}
			}
			if err == nil { // each node knows at once what it was asked for
				for _, e := range all {
					if set, _ := w.nodes[n].known("shop", name); set.Action(e.Folded) != last(all, e.Text) {
						t.Fatalf("seed %d: %s of %s has the action %v", seed, e.Text, name, set.Action(e.Folded))
					}
				}
			}
		}
	}
	w.records.fail = nil
	for _, name := range names { // which ends what has not ended
		w.change(0, name, actors.Once{}, "end block")
	}
	w.reload()
	for _, name := range names {
		stored := map[string]keywords.Action{}
		if err := w.nodes[0].Words(t.Context(), "shop", name, "", 100, func(word Word) bool {
			stored[word.Text] = word.Action
			return true
		}); err != nil {
			t.Fatal(err)
		}
		for word, actions := range may[name] {
			if !slices.Contains(actions, stored[word]) {
				t.Errorf("seed %d: %s of %s is %v, want one of %v", seed, word, name, stored[word], actions)
			}
		}
		for n := range w.nodes {
			set, _ := w.nodes[n].known("shop", name)
			known := map[string]keywords.Action{}
			set.Each(func(w keywords.Word, a keywords.Action) { known[w.Folded()] = a })
			if !maps.Equal(known, stored) {
				t.Errorf("seed %d: node %d knows other words of %s: %v, want %v", seed, n, name, known, stored)
			}
		}
	}
}

func last(all []Edit, text string) (a keywords.Action) {
	for _, e := range all {
		if e.Text == text {
			a = e.Action
		}
	}
	return a
}

// counted counts what is written.
type counted struct {
	actors.SwapRecords
	writes, bytes int
}

func (c *counted) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	c.writes, c.bytes = c.writes+1, c.bytes+len(value)
	return c.SwapRecords.SwapRecord(ctx, kind, key, old, value)
}

// TestManyWords: a list of 100,000 words is read again in a moment, and to change one of
// them writes little.
func TestManyWords(t *testing.T) {
	w := newWorld(t, Config{}, 1)
	all := make([]Edit, 100_000)
	for i := range all {
		text := fmt.Sprintf("词%d语%c", i, '\u4e00'+rune(i%5000))
		word, err := keywords.ParseWord(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = Edit{Word{text, keywords.Mask}, word}
	}
	c := &counted{SwapRecords: w.records}
	l := New(Config{Now: time.Now}, c)
	began := time.Now()
	if _, err := l.Change(t.Context(), "shop", "many", Change{Words: all}); err != nil {
		t.Fatal(err)
	}
	t.Logf("they are written in %v, as %d records", time.Since(began).Round(time.Millisecond), c.writes)
	if c.writes > buckets+1 {
		t.Errorf("%d records were written", c.writes)
	}
	c.writes, c.bytes, began = 0, 0, time.Now()
	one := all[77]
	one.Action = keywords.Block
	if r, err := l.Change(t.Context(), "shop", "many", Change{Words: []Edit{one}}); err != nil || r.Changed != 1 {
		t.Fatal(r, err)
	}
	t.Logf("one is changed in %v, with %d bytes", time.Since(began).Round(time.Microsecond), c.bytes)
	if c.writes != 2 || c.bytes > 16<<10 {
		t.Errorf("%d records of %d bytes were written for one word", c.writes, c.bytes)
	}
	began = time.Now()
	if err := w.nodes[0].Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("they are read in %v", time.Since(began).Round(time.Millisecond))
	if set, _ := w.nodes[0].known("shop", "many"); set.Len() != len(all) || set.Action(one.Folded) != keywords.Block {
		t.Errorf("%d words are read", set.Len())
	}
}

// TestConcurrent changes lists, reads them again and screens at once.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, Config{}, 2)
	for _, n := range w.nodes {
		n.cfg.Changed = nil
	}
	w.want(w.change(0, "a", actors.Once{}, "always mask"), "+1 ~0 -0")
	w.reload()
	end := make(chan struct{})
	var all, screeners sync.WaitGroup
	for n := range 2 {
		for i := range 3 {
			all.Go(func() {
				for k := range 40 {
					e := edits(t, fmt.Sprintf("w%d%d%d block", n, i, k))
					if _, err := w.nodes[n].Change(t.Context(), "shop", []string{"a", "b"}[k%2], Change{Words: e}); err != nil && actors.AsError(err).Code != actors.Busy {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 40 {
				if err := w.nodes[n].Reload(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		screeners.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if got := w.nodes[n].Of("shop").Check("now and always").Text; got != "now and ******" {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	all.Wait()
	close(end)
	screeners.Wait()
	w.reload()
	w.want(w.words(0, "a"), w.words(1, "a"))
	for n := range w.nodes {
		if _, words := w.nodes[n].count("shop"); words != 241 {
			t.Errorf("node %d knows %d words, want 241", n, words)
		}
	}
}
