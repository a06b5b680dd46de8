package embedded

import (
	"bytes"
	"testing"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

func TestSplit(t *testing.T) {
	id := actors.ID{0, 1, 0}
	for _, tt := range []struct {
		name string
		key  []byte
		want int
	}{
		{"empty", nil, 0},
		{"event", appendEvent(nil, "ua/b", 7), len("jua/b\x00")},
		{"snapshot", appendSnapshot(nil, "ua/b", 7), len("jua/b\x00")},
		{"bound", []byte("jua/b"), 5},
		{"tally", appendTally(nil, id, 2), 17},
		{"owner", appendOwner(nil, id), 17},
		{"record", appendRecord(nil, "k", "x\x00y"), 6},
		{"wake", appendWake(nil, 1, "ua/b"), 13},
	} {
		if got := split(tt.key); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

// FuzzComparer checks what Pebble asks of an order with prefixes.
func FuzzComparer(f *testing.F) {
	f.Add([]byte("jua/b\x00\x01"), []byte("jua/b"), []byte("jua/b\x01"))
	f.Add(appendTally(nil, actors.ID{1}, 0), appendTally(nil, actors.ID{0, 0xff}, 2), []byte("t"))
	f.Add([]byte("j\xff\x00"), []byte("j\xff"), []byte{0xff})
	c := newComparer()
	f.Fuzz(func(t *testing.T, a, b, x []byte) {
		if len(a) == 0 || len(b) == 0 {
			return
		}
		pa, pb := c.Split.Prefix(a), c.Split.Prefix(b)
		if c.Split(pa) != len(pa) {
			t.Errorf("%q: the prefix %q is not its own", a, pa)
		}
		if len(a) > len(pa) && c.Compare(pa, a) >= 0 {
			t.Errorf("%q: not after its prefix", a)
		}
		if c.Compare(a, b) <= 0 && c.Compare(pa, pb) > 0 || c.Compare(pa, pb) < 0 && c.Compare(a, b) >= 0 {
			t.Errorf("%q, %q: prefixes in another order", a, b)
		}
		if bytes.Equal(pa, pb) && c.Compare(a, b) != c.ComparePointSuffixes(a[len(pa):], b[len(pb):]) {
			t.Errorf("%q, %q: suffixes in another order", a, b)
		}
		next := c.ImmediateSuccessor(nil, pa)
		if c.Split(next) != len(next) || c.Compare(pa, next) >= 0 {
			t.Errorf("%q: next prefix %q", pa, next)
		}
		if px := c.Split.Prefix(x); c.Compare(pa, px) < 0 && c.Compare(px, next) < 0 {
			t.Errorf("%q is between %q and %q", px, pa, next)
		}
	})
}

// FuzzKeys checks that the parsers of keys take anything, and what was
// appended comes back.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("jua/b\x00\x01"), "ua/b", uint64(1))
	f.Fuzz(func(t *testing.T, raw []byte, key string, n uint64) {
		_, _, _ = parseJournal(raw)
		_, _, _ = parseWake(raw)
		_, _ = parseSum(raw)
		if part, seq, err := parseJournal(appendEvent(nil, actors.Key(key), n)); part != partEvent || seq != n || err != nil {
			t.Errorf("event: got %d, %d, %v", part, seq, err)
		}
		if part, seq, err := parseJournal(appendSnapshot(nil, actors.Key(key), n)); part != partSnapshot || seq != n || err != nil {
			t.Errorf("snapshot: got %d, %d, %v", part, seq, err)
		}
		if at, k, err := parseWake(appendWake(nil, int64(n), actors.Key(key))); at != int64(n) || k != actors.Key(key) || err != nil {
			t.Errorf("wake: got %d, %q, %v", at, k, err)
		}
		if got, err := parseSum(appendSum(nil, int64(n))); got != int64(n) || err != nil {
			t.Errorf("sum: got %d, %v", got, err)
		}
	})
}

// A load of an actor that is not there reads no block: the filter says so.
func TestFilterPerActor(t *testing.T) {
	p := open(t, Config{Dir: t.TempDir()})
	defer storetest.Close(t, p)
	for i := range 200 {
		a := storetest.NewActor(actors.UserKey("default", string(rune('a'+i%26))+string(rune('a'+i/26))+"-there"), 0)
		a.Do(t, p, a.Write("one", "two"))
	}
	if err := p.db.Flush(); err != nil {
		t.Fatal(err)
	}
	before := p.db.Metrics().Filter
	for i := range 100 {
		if _, _, err := storetest.Load(p, actors.UserKey("default", string(rune('a'+i%26))+string(rune('a'+i/26))+"-away")); err != nil {
			t.Fatal(err)
		}
	}
	after := p.db.Metrics().Filter
	if hits := after.Hits - before.Hits; hits < 90 {
		t.Errorf("the filter denied %d of 100", hits)
	}
}
