package postgres

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

// A freezer freezes the committers' connections in the middle of a write, as
// SIGSTOP does: what was sent before is with the server, the rest is not.
type freezer struct {
	mu     sync.Mutex
	keep   int // how many of the last bytes of a large write are held back; 0: none
	frozen chan struct{}
	thaw   chan struct{}
}

func (f *freezer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &freezing{c, f}, err
}

// arm lets the next large write freeze.
func (f *freezer) arm(keep int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep, f.frozen, f.thaw = keep, make(chan struct{}), make(chan struct{})
}

type freezing struct {
	net.Conn
	f *freezer
}

func (c *freezing) Write(b []byte) (int, error) {
	c.f.mu.Lock()
	keep, frozen, thaw := c.f.keep, c.f.frozen, c.f.thaw
	if len(b) < 1000 || keep == 0 {
		keep = 0
	} else {
		c.f.keep = 0
	}
	c.f.mu.Unlock()
	if keep == 0 {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:max(0, len(b)-keep)])
	close(frozen)
	<-thaw
	if err == nil {
		var rest int
		rest, err = c.Conn.Write(b[n:])
		n += rest
	}
	return n, err
}

// A node freezes within an append, wherever that may be: another one takes its
// shard soon, and when the first one goes on, it is refused, or what it had
// sent was there before.
func TestFrozenAppend(t *testing.T) {
	url := newDatabase(t)
	other := open(t, Config{URL: url})
	defer storetest.Close(t, other)
	for i, keep := range []int{1, 3, 5, 6, 9, 14, 15, 40, 1000, 1 << 20} {
		t.Run(fmt.Sprint(keep, " bytes unsent"), func(t *testing.T) {
			f := &freezer{}
			p := open(t, Config{URL: url, dial: f.dial})
			defer storetest.Close(t, p)
			key := actors.UserKey("default", fmt.Sprint("frozen", i))
			was, err := other.Epochs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var epoch uint64
			for _, e := range was {
				if e.Shard == actors.ShardOf(key) {
					epoch = e.Epoch
				}
			}
			a := storetest.NewFenced(key, epoch, 0)
			a.Do(t, p, a.Write("first"))
			f.arm(keep)
			if err := p.Append(a.Write(storetest.Noise(5000))); err != nil {
				t.Fatal(err)
			}
			<-f.frozen
			time.Sleep(20 * time.Millisecond) // the server gets as far as it does

			began := time.Now()
			epoch = storetest.TakeShard(t, other, "other", key, epoch)
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("taking the shard took %v", took)
			}
			_, events, err := storetest.Load(other, key)
			if err != nil {
				t.Fatal(err)
			}
			there := len(events) == 2
			fresh := storetest.NewFenced(key, epoch, uint64(len(events)))
			fresh.Do(t, other, fresh.Write("of the other"))

			close(f.thaw)
			err = a.Await()
			if (err == nil) != there {
				t.Errorf("the frozen append: got %v; when the shard was taken it was there: %v", err, there)
			}
			if _, events, err = storetest.Load(other, key); err != nil || len(events) != int(fresh.Last) {
				t.Errorf("got %d events, %v; want %d", len(events), err, fresh.Last)
			}
		})
	}
}
