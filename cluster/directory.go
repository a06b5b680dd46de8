package cluster

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// directory holds the activations of this node, by shard and key, and knows of
// each shard where messages to it go.
type directory struct {
	parts [actors.Shards]part
	empty func(shard uint16) // is called when the last actor of a shard that is not open has gone
}

// A part is what a node knows of one shard. Only placement changes whose it
// is; whoever sends a message reads it.
type part struct {
	mu     sync.RWMutex
	m      map[actors.Key]*activation
	open   bool          // this node may wake its actors
	owner  string        // the node that owns it, or will; empty: nobody knows
	refuse *actors.Error // why nobody may be asked; nil: the owner may
	queue  []queued
}

// activation is one awake actor. Messages go straight to its process: one that
// has stopped meanwhile passes them on to the next activation, while
// protoactor's registry would make dead letters of them.
type activation struct {
	pid  *actor.PID
	proc actor.Process
	used atomic.Int64 // the sweep in which a message last went to it
}

func newDirectory() *directory {
	d := &directory{empty: func(uint16) {}}
	for i := range d.parts {
		d.parts[i].m = make(map[actors.Key]*activation)
	}
	return d
}

func (d *directory) part(key actors.Key) *part { return &d.parts[actors.ShardOf(key)] }

// awake returns the activation of key; nil: it sleeps, or is elsewhere.
func (p *part) awake(key actors.Key) *activation {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.m[key]
}

// sleeps tells whether this node could wake key, and has not.
func (p *part) sleeps(key actors.Key) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.open && p.m[key] == nil
}

// find returns the activation of key, made by wake if there is none and this
// node may wake it. wake is called with the part's lock held; the actor that
// it makes takes messages only when the lock is released.
func (p *part) find(key actors.Key, wake func() *activation) *activation {
	a, made := p.findOrMake(key, wake)
	if made {
		a.proc.SendSystemMessage(a.pid, &actor.ResumeMailbox{})
	}
	return a
}

func (p *part) findOrMake(key actors.Key, wake func() *activation) (a *activation, made bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a = p.m[key]; a != nil || !p.open {
		return a, false
	}
	if a = wake(); a == nil {
		return nil, false
	}
	p.m[key] = a
	return a, true
}

// where returns whose the shard is, and why nobody may be asked.
func (p *part) where() (owner string, refuse *actors.Error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.owner, p.refuse
}

// set says whose the shard is.
func (p *part) set(owner string, open bool, refuse *actors.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner, p.open, p.refuse = owner, open, refuse
}

// all returns the part's activations.
func (p *part) all() []*activation {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := make([]*activation, 0, len(p.m))
	for _, a := range p.m {
		list = append(list, a)
	}
	return list
}

// forget takes the activation out, if it is still the one.
func (d *directory) forget(key actors.Key, pid *actor.PID) {
	p := d.part(key)
	p.mu.Lock()
	a := p.m[key]
	if a != nil && a.pid.Equal(pid) {
		delete(p.m, key)
	}
	last := a != nil && len(p.m) == 0 && !p.open
	p.mu.Unlock()
	if last {
		d.empty(actors.ShardOf(key))
	}
}

// each calls fn with each activation, a part at a time, without a lock held.
func (d *directory) each(fn func(actors.Key, *activation)) {
	type one struct {
		key actors.Key
		a   *activation
	}
	var list []one
	for i := range d.parts {
		p := &d.parts[i]
		list = list[:0]
		p.mu.RLock()
		for k, a := range p.m {
			list = append(list, one{k, a})
		}
		p.mu.RUnlock()
		for _, o := range list {
			fn(o.key, o.a)
		}
	}
}

// len returns how many actors are awake.
func (d *directory) len() int {
	n := 0
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.RLock()
		n += len(p.m)
		p.mu.RUnlock()
	}
	return n
}
