package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// newNode returns a running node on a journal, stopped at the end of the test.
func newNode(t testing.TB, j cluster.Store, with ...func(*cluster.Config)) *cluster.Node {
	t.Helper()
	cfg := config(t)
	for _, fn := range with {
		fn(&cfg)
	}
	n, err := cluster.New(cfg, j)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	return n
}

// config is that of a node in a test.
func config(t testing.TB) cluster.Config {
	return cluster.Config{Kinds: actorstest.Kinds, Gateways: 2, Timers: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&testLog{t: t}, nil))}
}

// stop stops a node; a second time does nothing.
func stop(t testing.TB, n *cluster.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// newJournal returns a journal that is closed at the end of the test, when
// every goroutine that the test started must be gone.
func newJournal(t testing.TB) *actorstest.Journal {
	t.Helper()
	checkGoroutines(t)
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	return j
}

// checkGoroutines holds at the end of the test that none of ours is left.
func checkGoroutines(t testing.TB) {
	t.Cleanup(func() {
		var left string
		for range 200 {
			if left = ours(); left == "" {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("goroutines are left:\n%s", left)
	})
}

// ours returns the stacks of those goroutines that run this program's code,
// besides the test's own.
func ours() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		if i > 0 && strings.Contains(g, "reddot/") && !strings.Contains(g, "testing.(*") && !strings.Contains(g, "testing.tRunner") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// testLog writes a node's log to the test's.
type testLog struct {
	mu   sync.Mutex
	t    testing.TB
	done bool
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := bytes.IndexByte(b, '\n'); testing.Verbose() && i > 0 && !l.done {
		l.t.Log(string(b[:min(i, 400)]))
	}
	return len(b), nil
}

func user(name string) actors.Key { return actors.UserKey(actors.DefaultApp, name) }

func newMessage(title string) *actors.Message {
	id := actors.NewID()
	return &actors.Message{
		Id: id[:], Category: "default", CreatedAt: time.Now().UnixMilli(), Content: []byte(`"title":"` + title + `"`),
	}
}

// request returns a write of a message, under a key made at the edge.
func request(name string, m *actors.Message) *actors.Request {
	r := actors.NewRequest(user(name), &actors.Publish{Message: m})
	r.Once = actors.EdgeOnce(actors.ID(m.Id))
	return r
}

// publish publishes to a user, and returns the answer.
func publish(t testing.TB, n *cluster.Node, name, title string) actors.Answer {
	t.Helper()
	return ask(t, n, request(name, newMessage(title)))
}

func ask(t testing.TB, n *cluster.Node, r *actors.Request) actors.Answer {
	t.Helper()
	a, err := try(n, r)
	if err != nil {
		t.Fatalf("%T: %v", r.Command, err)
	}
	return a
}

// try asks and returns a copy of the answer.
func try(n *cluster.Node, r *actors.Request) (actors.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	err := n.Ask(ctx, r)
	a := r.Answer
	a.Counts = bytes.Clone(a.Counts)
	if err == nil {
		r.Release()
	}
	return a, err
}

// insist publishes until it is done: where the outcome is unknown it repeats
// the request under its key, as a caller does.
func insist(n *cluster.Node, name, title string) error {
	m := newMessage(title)
	for {
		_, err := try(n, request(name, m))
		if err == nil || actors.AsError(err).Code != actors.Unavailable {
			return err
		}
	}
}

// cmd returns a request without a key.
func cmd(name string, c actors.Command) *actors.Request { return actors.NewRequest(user(name), c) }

// later asks in a goroutine; the channel gets the answer.
func later(n *cluster.Node, r *actors.Request) <-chan actors.Answer {
	done := make(chan actors.Answer, 1)
	go func() {
		a, err := try(n, r)
		if err != nil {
			a.Err = actors.AsError(err)
		}
		done <- a
	}()
	return done
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(actorstest.Patience); !ok(); {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// wantAll holds that a probe saw each rev after first, up to last, exactly
// once and in order, and that its last counts are the user's.
func wantAll(t testing.TB, n *cluster.Node, p *actorstest.Probe, name string, first, last uint64) {
	t.Helper()
	next := map[uint64]bool{}
	seen := uint64(0)
	for _, e := range p.Events() {
		if e.Type == "counts" {
			continue
		}
		if e.Type == "reset" {
			t.Fatalf("%s: an unexpected reset", name)
		}
		if e.Cursor.Seq <= seen {
			t.Fatalf("%s: event %d behind %d: twice, or out of order", name, e.Cursor.Seq, seen)
		}
		seen = e.Cursor.Seq
		if next[seen] {
			t.Fatalf("%s: event %d twice", name, seen)
		}
		next[seen] = true
	}
	if got, want := len(next), int(last-first); got != want {
		t.Fatalf("%s: a probe saw %d events, want %d", name, got, want)
	}
	a := ask(t, n, cmd(name, &actors.Counts{}))
	if e := p.Last(); e.Rev != a.Rev || !strings.HasPrefix(string(a.Counts), fmt.Sprintf(`{"unread":%d,"unseen":%d,`, e.Unread, e.Unseen)) {
		t.Fatalf("%s: the probe's last counts are %+v, the user's %s", name, e, a.Counts)
	}
}

// linesLog keeps what is logged.
type linesLog struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *linesLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *linesLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *linesLog) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.all.String(), part)
}
