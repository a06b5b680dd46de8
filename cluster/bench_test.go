package cluster_test

import (
	"fmt"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/gateway"
	"reddot/cluster"
)

// instant settles each write at once, in the turn of the actor that appends it.
type instant struct{ *actorstest.Journal }

func (instant) Append(w *actors.Write) error {
	actors.Settle([]*actors.Write{w}, nil)
	return nil
}

// BenchmarkUserPublish publishes through a node whose journal costs nothing.
func BenchmarkUserPublish(b *testing.B) {
	for _, conns := range []int{0, 1} {
		b.Run(fmt.Sprintf("connections=%d", conns), func(b *testing.B) {
			n := newNode(b, instant{newJournal(b)}, func(c *cluster.Config) { c.Log = nil })
			for range conns {
				n.Attach(gateway.NewConn(actors.Attachment{Key: user("alice"), Format: plain{}, Sink: nowhere{}}))
			}
			publish(b, n, "alice", "x")
			b.ReportAllocs()
			for b.Loop() {
				r := request("alice", newMessage("Your order has shipped"))
				if err := n.Ask(b.Context(), r); err != nil {
					b.Fatal(err)
				}
				r.Release()
			}
		})
	}
}

type plain struct{}

// plainForm is the wire form.
var plainForm = actors.NewForm()

func (plain) Form() actors.Form { return plainForm }

func (plain) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		b = append(b, p.Events[i].JSON...)
	}
	return b
}

func (plain) AppendBeat(b []byte) []byte { return b }

type nowhere struct{}

func (nowhere) Send([]byte) (int, error) { return 0, nil }
func (nowhere) End(actors.End)           {}

// BenchmarkAcross publishes to users with a connection, whose actor is on the
// node that is asked, or on the other, with 32 requests under way. The
// connection is on the node that is asked.
func BenchmarkAcross(b *testing.B) {
	for _, where := range []string{"here", "there"} {
		b.Run(where, func(b *testing.B) {
			w := &world{t: b, journal: newJournal(b), network: cluster.NewNetwork(), failed: make(chan error, 10)}
			w.store = instant{w.journal}
			w.start()
			w.start()
			w.settled()
			owner := w.nodes[0]
			if where == "there" {
				owner = w.nodes[1]
			}
			name := w.userOf(owner, 0)
			w.nodes[0].Attach(gateway.NewConn(actors.Attachment{Key: user(name), Format: plain{}, Sink: nowhere{}}))
			publish(b, w.nodes[0], name, "x")
			b.ReportAllocs()
			b.SetParallelism(16)
			b.ResetTimer() // two nodes have started, and agreed
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					r := request(name, newMessage("Your order has shipped"))
					if err := w.nodes[0].Ask(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
					r.Release()
				}
			})
		})
	}
}
