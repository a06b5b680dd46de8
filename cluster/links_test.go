package cluster_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// soonLost lets links be lost, and count again, sooner than they are.
func soonLost(n *cluster.Node) { n.SetTies(1500*time.Millisecond, 300*time.Millisecond) }

// behindValve lets a node take links behind a valve.
func behindValve(t *testing.T, w *world, with ...func(*cluster.Node)) (*cluster.Node, *valve) {
	v := newValve(t)
	n := w.start(append(with, func(n *cluster.Node) { n.AdvertiseLinks(v.ln.Addr().String()) })...)
	addr := n.LinksAddr()
	v.target.Store(&addr)
	return n, v
}

// yielded waits until one of two nodes owns nothing and is not ready, and the
// others own all shards.
func (w *world) yielded(a, b *cluster.Node) (goesOn, yields *cluster.Node) {
	w.t.Helper()
	wait(w.t, "one to go on, and one to yield", func() bool {
		for _, n := range [][2]*cluster.Node{{a, b}, {b, a}} {
			all := 0
			for _, o := range w.nodes {
				if o != n[1] {
					all += o.Shards()
				}
			}
			if n[1].Ready() != nil && n[1].Shards() == 0 && n[0].Ready() == nil && all == actors.Shards {
				goesOn, yields = n[0], n[1]
			}
		}
		return goesOn != nil
	})
	return goesOn, yields
}

// epochs returns how often each shard was taken.
func (w *world) epochs() []uint64 {
	w.t.Helper()
	present, err := w.journal.Epochs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var list []uint64
	for _, p := range present {
		list = append(list, p.Epoch)
	}
	return list
}

// wantNoFailure holds that no node has ended by itself.
func (w *world) wantNoFailure() {
	w.t.Helper()
	select {
	case err := <-w.failed:
		w.t.Errorf("a node has failed: %v", err)
	default:
	}
}

// TestSilentPort lets the port for links of one node of three be silent, while
// gossip and the store go on: at its start, when it gets no shards, and later,
// when it gives up those that it has. All the time it says why, and the other two
// answer for all users.
func TestSilentPort(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	was := w.epochs()
	v := newValve(t)
	v.shut.Store(true)
	c := w.start(func(n *cluster.Node) { n.AdvertiseLinks(v.ln.Addr().String()) })
	addr := c.LinksAddr()
	v.target.Store(&addr)
	w.drop(c)
	crowd := newCrowd(t, w.nodes, 12, 1, 7)
	wantSaid := func() {
		t.Helper()
		wait(t, "the third node to say why", func() bool {
			err := c.Ready()
			return err != nil && strings.Contains(err.Error(), "cluster.advertise_peers") && strings.Contains(actors.AsError(err).Detail, "can't reach 2 of the cluster's nodes (a, b)")
		})
	}
	wantSaid()
	if s := c.Shards(); s != 0 || c.Ready() == nil {
		t.Errorf("a node to which no link speaks owns %d shards: %v", s, c.Ready())
	}
	if !slices.Equal(w.epochs(), was) {
		t.Error("shards moved for a node to which no link speaks")
	}
	v.shut.Store(false)
	w.nodes = append(w.nodes, c)
	w.settled()

	name := w.userOf(c, 100) // of nobody of the crowd
	v.shut.Store(true)
	shut := time.Now()
	for {
		_, err := try(a, request(name, newMessage("x")))
		if err == nil {
			break
		}
		if time.Since(shut) > time.Minute {
			t.Fatalf("its users are away: %v; the nodes: %v, %v, %v with %d shards; %+v", err, a.Ready(), b.Ready(), c.Ready(), c.Shards(), a.Status(t.Context()))
		}
	}
	took := time.Since(shut)
	t.Logf("its users answer again after %v; it says: %v", took.Round(time.Millisecond), c.Ready())
	if took > 15*time.Second {
		t.Errorf("its users were away for %v", took)
	}
	wantSaid()
	if a.Ready() != nil || b.Ready() != nil || c.Shards() != 0 {
		t.Errorf("%v, %v, and the third node has %d shards", a.Ready(), b.Ready(), c.Shards())
	}
	v.shut.Store(false)
	w.settled()
	wait(t, "the third node to be ready", func() bool { return c.Ready() == nil })
	publish(t, c, w.userOf(c, 100), "y")
	crowd.end()
	w.wantNoFailure()
}

// TestOneWay lets a node hear nothing from another one, which hears it: one of
// the two goes on.
func TestOneWay(t *testing.T) {
	w := newWorld(t, 0)
	w.start(soonLost)
	_, v := behindValve(t, w, soonLost)
	w.settled()
	v.in.Store(true)
	goesOn, _ := w.yielded(w.nodes[0], w.nodes[1])
	publish(t, goesOn, "alice", "1")
	v.in.Store(false)
	w.settled()
	w.wantNoFailure()
}

// TestPairOfFive lets the link between two of five nodes be silent: four go on
// who all reach each other, and all choose the same four.
func TestPairOfFive(t *testing.T) {
	w := newWorld(t, 0)
	for range 5 {
		w.start(soonLost)
	}
	w.settled()
	a, b := w.nodes[1], w.nodes[3]
	w.network.Mute(a, b)
	_, yields := w.yielded(a, b)
	for shard := range uint16(actors.Shards) {
		for _, n := range w.nodes {
			if o := n.Owner(shard); n != yields && (o == yields.Name() || o != w.nodes[0].Owner(shard)) {
				t.Fatalf("shard %d is %s's by %s, and %s's by %s", shard, o, n.Name(), w.nodes[0].Owner(shard), w.nodes[0].Name())
			}
		}
	}
	w.network.Unmute()
	w.settled()
	w.wantNoFailure()
}

// TestFirstIsSilent lets two nodes join a first one to which no link speaks:
// the larger part goes on.
func TestFirstIsSilent(t *testing.T) {
	w := newWorld(t, 0)
	first := w.start(soonLost)
	wait(t, "the first node to own all", func() bool { return first.Shards() == actors.Shards })
	mute := func(n *cluster.Node) { soonLost(n); w.network.Mute(first, n) }
	b, c := w.start(mute), w.start(mute)
	wait(t, "the two to own all", func() bool { return b.Shards()+c.Shards() == actors.Shards && first.Ready() != nil })
	publish(t, b, w.userOf(c, 0), "1")
	w.network.Unmute()
	w.settled()
	w.wantNoFailure()
}

// TestBrokenForAMoment breaks links for less time than it takes to be lost: no
// shard moves.
func TestBrokenForAMoment(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.nodes[0], w.nodes[1]
	was := w.epochs()
	for range 3 {
		w.network.Mute(a, b)
		time.Sleep(time.Second) // it stays broken
		w.network.Unmute()
		wait(t, "the link to speak again", func() bool { return a.Speaks(b.Name()) && b.Speaks(a.Name()) })
		time.Sleep(cluster.LinkLook) // it is looked at once, else three moments are one
	}
	if !slices.Equal(w.epochs(), was) || a.Ready() != nil || b.Ready() != nil {
		t.Errorf("shards moved: %v, %v", a.Ready(), b.Ready())
	}
	publish(t, a, w.userOf(b, 0), "1")
}

// TestOlderSaysNothing runs an older program beside two that say how their links
// are: until it is gone, the rule that it knows holds for all, so that nobody
// takes shards which it takes for its own.
func TestOlderSaysNothing(t *testing.T) {
	w := newWorld(t, 0)
	older := w.start(soonLost, func(n *cluster.Node) { n.SetAnnounces(false) })
	b, c := w.start(soonLost), w.start(soonLost)
	w.settled()
	was := w.epochs()
	w.network.Mute(older, b)
	time.Sleep(4 * time.Second) // the time in which a link is lost, twice
	if !slices.Equal(w.epochs(), was) || older.Ready() != nil || b.Ready() != nil {
		t.Errorf("shards moved beside an older program: %v, %v", older.Ready(), b.Ready())
	}
	w.network.Unmute()
	w.drop(older)
	stop(t, older)
	w.settled()
	w.network.Mute(b, c)
	w.yielded(b, c)
}

// TestNoStore cuts one node of three off from the store alone: the others take
// its users over, and when it reaches the store again it has its share.
func TestNoStore(t *testing.T) {
	w := newWorld(t, 2)
	lone := &lonely{Journal: w.journal}
	w.store = lone
	c := w.start()
	w.store = nil
	w.settled()
	name := w.userOf(c, 0)
	lone.cut.Store(true)
	cut := time.Now()
	for {
		if _, err := try(w.nodes[0], request(name, newMessage("x"))); err == nil {
			break
		}
	}
	t.Logf("its users answer again after %v", time.Since(cut).Round(time.Millisecond))
	if c.Ready() == nil {
		t.Error("it is ready")
	}
	lone.cut.Store(false)
	w.settled()
	wait(t, "it to be ready", func() bool { return c.Ready() == nil })
	publish(t, c, name, "y")
	w.wantNoFailure()
}

// lonely is one node's way to the store, which can be cut.
type lonely struct {
	*actorstest.Journal
	cut atomic.Bool
}

var errNoStore = actors.Errorf(actors.Unavailable, "no route to the store")

func (l *lonely) reach() error {
	if l.cut.Load() {
		return errNoStore
	}
	return nil
}

func (l *lonely) Append(w *actors.Write) error {
	if err := l.reach(); err != nil {
		return err
	}
	return l.Journal.Append(w)
}

func (l *lonely) Epochs(ctx context.Context) ([]actors.Taken, error) {
	if err := l.reach(); err != nil {
		return nil, err
	}
	return l.Journal.Epochs(ctx)
}

func (l *lonely) Take(ctx context.Context, owner string, from []actors.Fence) ([]actors.Fence, error) {
	if err := l.reach(); err != nil {
		return nil, err
	}
	return l.Journal.Take(ctx, owner, from)
}

func (l *lonely) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	if err := l.reach(); err != nil {
		return err
	}
	return l.Journal.PutRecord(ctx, kind, key, value)
}

func (l *lonely) ListRecords(ctx context.Context, kind, after string, limit int) ([]actors.Record, error) {
	if err := l.reach(); err != nil {
		return nil, err
	}
	return l.Journal.ListRecords(ctx, kind, after, limit)
}
