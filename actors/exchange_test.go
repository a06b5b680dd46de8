package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

type wire struct{ id uint64 }

func (w wire) Client() string { return "phone" }
func (w wire) ID() uint64     { return w.id }
func (w wire) Waits([]Waits)  {}
func (w wire) Replaced()      {}
func (w wire) Lost()          {}

// TestExchangeForgets lets the exchange know sessions of users who live
// elsewhere, and forget those that were refused or have ended, wherever their
// user lived by then.
func TestExchangeForgets(t *testing.T) {
	h := &Home{System: actor.NewActorSystem()}
	x := &Exchange{home: h, links: map[uint64]plugged{}}
	h.exchange = h.System.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return x },
		actor.WithMailbox(func() actor.Mailbox { return &mailbox{host: x} })))
	open := func(id uint64) *Request {
		r := NewRequest(UserKey("default", "alice"), &OpenSession{Client: "phone", Link: wire{id}})
		h.Export(r, "elsewhere")
		return r
	}
	open(1)
	h.Unexport(open(2))
	if _, ok := x.links[1]; !ok || len(x.links) != 1 {
		t.Fatalf("knows %v, want the session that was not refused", x.links)
	}
	h.Export(NewRequest(UserKey("default", "alice"), &CloseSession{Client: "phone", Link: wire{1}}), "elsewhere")
	open(3)
	h.unplug(wire{3}) // its user lives here by now
	h.unplug(&farLink{id: 3})
	h.unplug(nil)
	if len(x.links) != 0 {
		t.Errorf("still knows %v", x.links)
	}
}
