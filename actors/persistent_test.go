package actors_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/datadriven"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// A ledger is the least persistent actor: it keeps the words that it is told.
type ledger struct {
	actors.Persistent
	words []string
	say   func(string, ...any)
}

type (
	// write asks for a word to be kept; read for all of them.
	write struct{ word string }
	read  struct{}
	// ready says that the words are loaded.
	ready struct {
		words  []string
		beyond *actors.Beyond
		err    error
	}
)

func (write) Weight() int { return 0 }
func (read) Weight() int  { return 0 }

// Receive implements actor.Actor.
func (l *ledger) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		l.say("wakes")
		if l.Activated(c.Self()) {
			l.load()
		}
	case *actors.Unowned:
		l.Refuse(actors.ErrNotOwner)
	case *ready:
		l.ready(m)
	case *actors.Committed:
		l.flush()
	case *actors.Panicked:
		l.Fail()
	case *actors.Passivate:
		if l.Idle() {
			l.End()
		}
	case *actors.Move:
		l.End()
	case *actors.Request:
		if l.Stream == nil || l.Ending {
			l.Wait(m)
			return
		}
		l.handle(m)
	case *actor.Stopping:
		l.say("ends")
		l.Stopping()
	}
}

func (l *ledger) load() {
	h, key, self := l.Home, l.Key, l.Self
	h.Load(func() {
		m := &ready{}
		m.beyond, m.err = h.Read(key, func(ctx context.Context) error {
			return h.Journal.Load(ctx, key, nil, func(e []byte) error {
				m.words = append(m.words, string(e))
				return nil
			})
		})
		h.Send(self, m)
	})
}

func (l *ledger) ready(m *ready) {
	if m.err != nil {
		l.Unreadable(m.err)
		return
	}
	if l.words = m.words; l.Begin(uint64(len(l.words)), m.beyond) {
		l.CatchUp(func(m any) { l.handle(m.(*actors.Request)) })
	}
}

func (l *ledger) handle(r *actors.Request) {
	l.Current = r
	switch c := r.Command.(type) {
	case write:
		from := actors.Cursor{Seq: l.Seq}
		if c.word == "panic" {
			panic("a word that panics")
		}
		if err := l.Append(&actors.Write{Stream: l.Stream, After: l.Seq, Events: [][]byte{[]byte(c.word)}}); err != nil {
			r.Answer.Err = err
			l.Leave(&r.Effect, r, nil, nil)
			break
		}
		l.words = append(l.words, c.word)
		l.Seq++
		r.Answer.Body = []byte(c.word)
		l.Leave(&r.Effect, r, &actors.Push{From: from, To: actors.Cursor{Seq: l.Seq}}, nil)
	case read:
		r.Answer.Body = []byte(strings.Join(l.words, " "))
		l.Leave(&r.Effect, r, nil, nil)
	}
	l.flush()
}

func (l *ledger) flush() {
	l.Flush(func(p *actors.Push) { l.say("push %d to %d", p.From.Seq, p.To.Seq) })
}

// A rig is a node whose users are ledgers.
type rig struct {
	*actorstest.Steps
	epoch uint64 // of the shard, as far as the node knows
	owner bool   // the node may wake the next activation
}

const ledgerKey = actors.Key("udefault/ledger")

func newRig(t *testing.T) *rig {
	r := &rig{owner: true}
	r.Steps = actorstest.NewSteps(t, actors.Limits{Waiting: 2}, func(n *actorstest.Node) {
		n.Home.Kinds = actors.Kinds{actors.KindUser: func(h *actors.Home) actor.Actor {
			return &ledger{Persistent: actors.Persistent{Home: h}, say: func(f string, a ...any) { r.Say(f, a...) }}
		}}
		n.Home.Fence = func(key actors.Key) (actors.Fence, bool) {
			owner := r.owner
			r.owner = true
			return actors.Fence{Shard: actors.ShardOf(key), Epoch: r.epoch}, owner
		}
		n.Home.Fenced = func(f actors.Fence) { r.Say("the node learns that it lost epoch %d", f.Epoch) }
	})
	return r
}

// TestPersistent runs the transcripts in testdata/persistent: what may leave a
// persistent actor, when, and how it ends. To take in a wanted change:
// go test ./actors -run '^TestPersistent$' -rewrite, then read the diff.
func TestPersistent(t *testing.T) {
	datadriven.Walk(t, "testdata/persistent", func(t *testing.T, path string) {
		r := newRig(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			r.do(t, d)
			return r.Said()
		})
	})
}

func (r *rig) do(t *testing.T, d *datadriven.TestData) {
	body := func(a *actors.Answer) string { return string(a.Body) }
	switch d.Cmd {
	case "write":
		for _, a := range d.CmdArgs {
			r.Request(ledgerKey, write{a.Key}, actors.Once{}, body)
			r.Settle()
		}
	case "read":
		r.Request(ledgerKey, read{}, actors.Once{}, body)
	case "hold":
		r.Hold()
	case "release":
		r.Release()
	case "slow":
		r.Slow()
	case "load":
		r.Read()
	case "fail":
		r.Journal.Fail(errors.New("the disk is gone"))
	case "busy":
		r.Journal.Refuse(map[bool]error{true: actorstest.ErrBusy}[len(d.CmdArgs) == 0])
	case "unreadable":
		r.Journal.Unreadable(errors.New("the disk is gone"))
	case "hole":
		r.hole(t)
	case "taken":
		if _, err := r.Journal.Take(t.Context(), "other", []actors.Fence{{Shard: actors.ShardOf(ledgerKey), Epoch: r.epoch}}); err != nil {
			t.Fatal(err)
		}
	case "retake": // the node's turn to take the shard
		r.epoch++
		if _, err := r.Journal.Take(t.Context(), "node", []actors.Fence{{Shard: actors.ShardOf(ledgerKey), Epoch: r.epoch}}); err != nil {
			t.Fatal(err)
		}
		r.epoch++
	case "unowned":
		r.owner = false
	case "passivate":
		r.Send(ledgerKey, &actors.Passivate{})
	case "move":
		r.Send(ledgerKey, &actors.Move{})
	case "stored":
		if err := r.Journal.Events(t.Context(), ledgerKey, 1, 100, func(seq uint64, e []byte) bool {
			r.Say("%d %s", seq, e)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
}

// hole takes the third of five events out, as a damaged store does.
func (r *rig) hole(t *testing.T) {
	r.Journal.Apply(&actors.Write{Stream: actors.NewStream(ledgerKey, actors.Fence{}, 5, nil), After: 5, Delete: []actors.Range{{First: 3, Last: 3}}})
	if err := r.Journal.Load(t.Context(), ledgerKey, nil, func([]byte) error { return nil }); fmt.Sprint(err) != `the journal of "udefault/ledger" has a hole: after event 2 comes 4` {
		t.Fatal(err)
	}
}
