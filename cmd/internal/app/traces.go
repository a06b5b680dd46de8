package app

import (
	"context"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/actors/trace"
	"reddot/transports"
)

// traceApp is the app under which servers tell each other what is traced: none can be called
// so, and nobody is let in to it.
const traceApp = "$trace"

// traceBus is the live publish and subscribe of all servers, for traces.
type traceBus struct{ topics *topic.Broker }

var _ trace.Bus = traceBus{}

// Publish implements trace.Bus.
func (b traceBus) Publish(to string, payload []byte) {
	b.topics.Publish(&actors.TopicMessage{App: traceApp, Topic: to, Payload: payload}, nil)
}

// Follow implements trace.Bus.
func (b traceBus) Follow(of string, fn func(payload []byte)) (stop func()) {
	s := &topic.Subscription{Filter: of, Subscriber: traceFollower(fn)}
	b.topics.Subscribe(traceApp, s, "", "")
	b.topics.Announce(nil)
	return func() {
		b.topics.Unsubscribe(traceApp, s, false)
		b.topics.Announce(nil)
	}
}

// traceFollower is who follows a topic of the bus.
type traceFollower func(payload []byte)

// Deliver implements topic.Subscriber.
func (fn traceFollower) Deliver(p *topic.Push, _ []*topic.Subscription) {
	for _, m := range p.Messages {
		fn(m.Payload)
	}
}

// Is implements topic.Subscriber: no client is one.
func (traceFollower) Is(string, string) bool { return false }

// letsIn tells whether a caller who was let in still is.
func (a *App) letsIn(p *transports.Principal) bool {
	_, ok := a.stands(p)
	return ok && !p.Expired(a.now())
}

// startTraces lets the node be traced.
func (a *App) startTraces(context.Context) error {
	a.traces = trace.New(trace.Config{Name: a.node.Name(), Bus: traceBus{a.node.Topics()}, Traces: a.node.Traces()})
	return nil
}

// stopTraces ends what is traced here: its readers are told.
func (a *App) stopTraces(context.Context) error {
	a.traces.Close()
	return nil
}
