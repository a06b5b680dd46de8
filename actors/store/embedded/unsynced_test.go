package embedded

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

// A syncGate holds the syncs of Pebble's log back while it is shut: what is
// committed is in the memory table by then, and not on the disk.
type syncGate struct {
	shut    atomic.Int32 // so many of the next syncs
	reached chan struct{}
	open    chan error // what becomes of the sync
}

func newSyncGate() *syncGate {
	return &syncGate{reached: make(chan struct{}, 1), open: make(chan error)}
}

func (g *syncGate) inject(op errorfs.Op) error {
	if n := g.shut.Load(); n == 0 || !strings.HasSuffix(op.Path, ".log") || !isSync(op) || !g.shut.CompareAndSwap(n, n-1) {
		return nil
	}
	g.reached <- struct{}{}
	return <-g.open
}

// TestUnsynced looks at a commit that Pebble shows already and that is not on
// the disk yet. What is taken for durable waits for it, and is refused if it
// fails.
func TestUnsynced(t *testing.T) {
	id := actors.ID{7}
	reads := map[string]func(*Store, context.Context) error{
		"Tallies": func(p *Store, ctx context.Context) error {
			f, err := p.Tallies(ctx, id)
			if err == nil && f[actors.TallySeen] != 1 {
				err = errors.New("not the present tally")
			}
			return err
		},
		"ReadRecord": func(p *Store, ctx context.Context) error {
			b, err := p.ReadRecord(ctx, "kind", "key")
			if err == nil && string(b) != "new" {
				err = errors.New("not the present record: " + string(b))
			}
			return err
		},
		"ListRecords": func(p *Store, ctx context.Context) error {
			list, err := p.ListRecords(ctx, "kind", "", 10)
			if err == nil && (len(list) != 1 || string(list[0].Value) != "new") {
				err = errors.New("not the present records")
			}
			return err
		},
	}
	for name, read := range reads {
		for _, fails := range []bool{false, true} {
			t.Run(name+map[bool]string{false: " of what is synced", true: " of what is lost"}[fails], func(t *testing.T) {
				testUnsynced(t, id, read, fails)
			})
		}
	}
}

func testUnsynced(t *testing.T, id actors.ID, read func(*Store, context.Context) error, fails bool) {
	gate := newSyncGate()
	p := open(t, Config{Dir: "data", FS: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(gate.inject))})
	a := storetest.NewActor("ua/a", 0)
	a.Do(t, p, a.Write("one"))
	if err := p.PutRecord(t.Context(), "kind", "key", []byte("old")); err != nil {
		t.Fatal(err)
	}
	// One batch with both: they queue behind another one.
	gate.shut.Store(2)
	if err := p.Append(a.Write("two")); err != nil {
		t.Fatal(err)
	}
	<-gate.reached
	w := a.Write("three")
	w.Tally = []actors.Tally{{ID: id, Kind: actors.TallySeen, N: 1}}
	if err := p.Append(w); err != nil {
		t.Fatal(err)
	}
	record := make(chan error, 1)
	go func() { record <- p.PutRecord(context.Background(), "kind", "key", []byte("new")) }()
	storetest.Until(t, "both to queue", func() bool { return p.Stats().Queued == 2 })
	gate.open <- nil
	<-gate.reached

	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := read(p, short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read of what is not on the disk yet was answered: %v", err)
	}
	got := make(chan error, 1)
	go func() { got <- read(p, t.Context()) }()
	if fails {
		gate.open <- syscall.EIO
	} else {
		gate.open <- nil
	}
	err := <-got
	if told := <-record; (told != nil) != fails {
		t.Errorf("the record's write: got %v", told)
	}
	if fails {
		if storetest.CodeOf(err) != actors.Unavailable {
			t.Errorf("a read of what was lost: got %v, want unavailable", err)
		}
		wantSilence(t, p, a.Key)
		return
	}
	if err != nil {
		t.Error(err)
	}
	storetest.Close(t, p)
}
