package actors

import "sync/atomic"

// Traces lets those know what happens on a node who trace it. While nobody does, it costs an
// atomic load. Its zero value is that of nobody.
type Traces struct{ tracer atomic.Pointer[Tracer] }

// A Tracer is told what happens. It must not block.
type Tracer interface {
	// Wants tells whether somebody traces such a happening; its Body is not there yet.
	Wants(h *Happening) bool
	// Tell takes in a happening that is durable, if it rests on anything that was written.
	Tell(h *Happening)
}

// A Happening is one thing that has happened.
type Happening struct {
	What        string // "accepted"
	App         string
	At          int64 // unix milliseconds
	User        string
	Connections []uint64 // that it concerns
	Messages    []ID     // likewise
	Topic       string
	Campaign    string
	Body        []byte // further members of a JSON object, each behind a comma; without content
}

// Set lets t be told from now on; nil: nobody is.
func (r *Traces) Set(t Tracer) {
	if t == nil {
		r.tracer.Store(nil)
		return
	}
	r.tracer.Store(&t)
}

// On returns who is to be told; nil: nobody.
func (r *Traces) On() Tracer {
	if t := r.tracer.Load(); t != nil {
		return *t
	}
	return nil
}
