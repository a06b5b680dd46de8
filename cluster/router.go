package cluster

import (
	"context"
	"errors"
	"time"

	"reddot/actors"
)

// Send implements actors.Router. A message to an actor that is awake here goes
// straight to it.
func (n *Node) Send(key actors.Key, m any) {
	if a := n.dir.part(key).awake(key); a != nil {
		n.handTo(a, m)
		return
	}
	n.route(key, m, time.Time{})
}

// handTo hands a message to an activation.
func (n *Node) handTo(a *activation, m any) {
	if now := n.sweep.Load(); a.used.Load() != now {
		a.used.Store(now)
	}
	a.proc.SendUserMessage(a.pid, m)
}

// route wakes the actor, or sends the message to the node that owns it, or
// keeps it until one does. since is when it first came; zero: now.
func (n *Node) route(key actors.Key, m any, since time.Time) {
	p := n.dir.part(key)
	if n.answerAsleep(p, key, m) {
		return
	}
	if a := p.find(key, func() *activation { return n.wake(key) }); a != nil {
		n.handTo(a, m)
		return
	}
	owner, refuse := p.where()
	switch {
	case n.closed.Load():
		n.home.Refuse(m, actors.Errorf(actors.Unavailable, "this node is going down; try again"))
	case refuse != nil:
		n.home.Refuse(m, refuse)
	case owner == "" || owner == n.cfg.Name:
		n.queue(key, m, since, queueTime)
	case !n.forward(owner, key, m, since):
		n.queue(key, m, since, queueLinkTime)
	}
}

// forward sends a message to the node that owns the actor; false: it can't be
// reached at present.
func (n *Node) forward(owner string, key actors.Key, m any, since time.Time) bool {
	p := n.peers.get(owner)
	if p == nil {
		return false
	}
	if _, ok := m.(*actors.Recover); ok {
		return true // its owner wakes it
	}
	r, isRequest := m.(*actors.Request)
	if !isRequest {
		p.SendUserMessage(nil, m) // if that fails, connections attach again with the next link
		return true
	}
	l := p.link.Load()
	if l == nil || l.stuck(n) {
		return false
	}
	if n.home.RegisterSession(r, owner); since.IsZero() {
		since = time.Now()
	}
	err := l.call(r, since)
	if err == nil {
		n.metrics.Forwarded.Inc()
		return true
	}
	n.home.UnregisterSession(r)
	if errors.Is(err, errLinkDown) {
		return false
	}
	r.Fail(actors.AsError(err))
	return true
}

// accept takes in a message from another node; false: this one does not own
// the actor.
func (n *Node) accept(key actors.Key, m any) bool {
	p := n.dir.part(key)
	a := p.awake(key)
	if a == nil && n.answerAsleep(p, key, m) {
		return true
	}
	if a == nil {
		a = p.find(key, func() *activation { return n.wake(key) })
	}
	if a != nil {
		n.handTo(a, m)
		return true
	}
	if owner, refuse := p.where(); owner != n.cfg.Name || refuse != nil || n.closed.Load() {
		return false
	}
	n.queue(key, m, time.Time{}, queueTime)
	return true
}

// answerAsleep answers what an actor of this node need not be woken for; false: it
// is awake, or not this node's, or has to be woken.
func (n *Node) answerAsleep(p *part, key actors.Key, m any) bool {
	r, ok := m.(*actors.Request)
	if !ok {
		return false
	}
	c, ok := r.Command.(actors.Unwoken)
	if !ok || n.closed.Load() || !p.sleeps(key) || !n.holdsLease(key) {
		return false
	}
	n.loader.do(func() { c.AnswerAsleep(n.home, r) })
	return true
}

// wake starts the actor of a key; nil if there is no such kind, or the node
// is closed.
func (n *Node) wake(key actors.Key) *activation {
	if n.closed.Load() {
		return nil
	}
	pid, ok := n.home.Spawn(key)
	if !ok {
		return nil
	}
	a := &activation{pid: pid}
	a.proc, _ = n.system.ProcessRegistry.Get(a.pid)
	a.used.Store(n.sweep.Load())
	return a
}

// How often, and after which pause, a request without a known outcome is
// repeated.
const (
	askAttempts = 3
	askPause    = 20 * time.Millisecond
	askTime     = time.Second // and no more after that: who waits so long is told
)

// Ask implements actors.Router.
func (n *Node) Ask(ctx context.Context, r *actors.Request) error {
	began := time.Now()
	for attempt := 1; ; attempt++ {
		n.Send(r.Key, r)
		if err := r.Wait(ctx); err != nil {
			return err
		}
		if r.Answer.Err == nil {
			return nil
		}
		if r.Answer.Err.Code != actors.Unavailable || attempt == askAttempts || time.Since(began) > askTime || n.closed.Load() {
			return r.Answer.Err
		}
		select {
		case <-time.After(askPause << attempt):
		case <-ctx.Done():
			return r.Answer.Err
		}
		r.Answer.Err = nil
	}
}
