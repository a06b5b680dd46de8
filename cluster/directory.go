package cluster

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// directory holds the activations of this node, by key.
type directory struct {
	seed  maphash.Seed
	parts [64]part
}

type part struct {
	mu sync.RWMutex
	m  map[actors.Key]*activation
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
	d := &directory{seed: maphash.MakeSeed()}
	for i := range d.parts {
		d.parts[i].m = make(map[actors.Key]*activation)
	}
	return d
}

func (d *directory) part(key actors.Key) *part {
	return &d.parts[maphash.String(d.seed, string(key))%uint64(len(d.parts))]
}

// find returns the activation of key, made by wake if there is none. wake is
// called with the part's lock held and must not send.
func (d *directory) find(key actors.Key, wake func() *activation) *activation {
	p := d.part(key)
	p.mu.RLock()
	a := p.m[key]
	p.mu.RUnlock()
	if a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a = p.m[key]; a == nil {
		if a = wake(); a != nil {
			p.m[key] = a
		}
	}
	return a
}

// forget takes the activation out, if it is still the one.
func (d *directory) forget(key actors.Key, pid *actor.PID) {
	p := d.part(key)
	p.mu.Lock()
	if a := p.m[key]; a != nil && a.pid.Equal(pid) {
		delete(p.m, key)
	}
	p.mu.Unlock()
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
