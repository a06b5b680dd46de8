package actors

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// Home is what actors need of the node that they live on.
type Home struct {
	System  *actor.ActorSystem
	Journal Journal
	Lookup  Lookup
	Records Records // nil: what sessions follow is not found again after a restart
	Router  Router
	Topics  *Topics
	Limits  Limits // with its defaults
	Log     *slog.Logger
	Metrics *Metrics
	Now     func() int64  // unix milliseconds
	Random  func() uint64 // for lineages
	// Load runs a job that reads the disk in a goroutine of its own, a
	// bounded number at a time, and returns at once.
	Load func(job func())
	// Forget takes the activation out of the node's directory: from then on
	// messages to key wake another one.
	Forget func(key Key, pid *actor.PID)
}

// Props returns how the actor of a key is made; false if there is no such
// kind of actor.
func (h *Home) Props(key Key) (*actor.Props, bool) {
	var produce func() actor.Actor
	switch key.Kind() {
	case KindUser:
		produce = func() actor.Actor { return newUser(key, h) }
	case KindSend:
		produce = func() actor.Actor { return newSend(key, h) }
	case KindRetained:
		produce = func() actor.Actor { return newRetainer(key, h) }
	default:
		return nil, false
	}
	return actor.PropsFromProducer(produce, actor.WithMailbox(func() actor.Mailbox {
		return &mailbox{
			bounce:   func(m any) { h.bounce(key, m) },
			panicked: func(reason any, stack []byte) { h.panicked(key, reason, stack) },
		}
	})), true
}

// bounce sends what came too late to the next activation of the actor.
func (h *Home) bounce(key Key, m any) {
	switch m.(type) {
	case *committed, *loaded, *sendLoaded, *retainedLoaded, *willed, *acknowledged, *panicked, *described, *Passivate, *Doze, actor.SystemMessage, actor.AutoReceiveMessage:
		// meant for this activation alone
	default:
		h.Router.Send(key, m)
	}
}

// Refuse answers a message that no actor can take.
func (h *Home) Refuse(m any, err *Error) {
	switch m := m.(type) {
	case *Request:
		m.Fail(err)
	case *contentLoaded:
		m.req.Fail(err)
	case *attach:
		h.send(m.gate, m.refused(EndFailed))
	case *pull:
		h.send(m.gate, &pageRead{conn: m.conn, turn: m.turn})
	}
}

func (h *Home) panicked(key Key, reason any, stack []byte) {
	h.Metrics.Panics.Inc()
	h.Log.Error("actor panicked and was stopped; its next message recovers it from the journal",
		"actor", string(key), "reason", reason, "stack", string(stack))
}

func (h *Home) connPanicked(key Key, reason any, stack []byte) {
	h.Metrics.Panics.Inc()
	h.Log.Error("a connection panicked and was ended", "user", string(key), "reason", reason, "stack", string(stack))
}

// send sends m to the actor behind pid.
func (h *Home) send(pid *actor.PID, m any) { h.System.Root.Send(pid, m) }

// moment returns what a decision may know of the world.
func (h *Home) moment() Moment { return Moment{Now: h.Now(), Random: h.Random()} }
