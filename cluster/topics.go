package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/cluster/wire"
)

// What nodes tell each other of topics: by which filters they have sessions,
// what outlives connections, and what is published.

// topicsVersion is the first wire version that knows of it.
const topicsVersion = 2

// announcing sees to it that all peers hear of changes in the same order.
type announcing struct{ mu sync.Mutex }

// filtersAtOnce is how many filters one frame names.
const filtersAtOnce = 1000

var _ topic.Nodes = (*Node)(nil)

// An ack is called with what a peer has answered; nil: the link broke before.
type ack func(*wire.WireHeard)

// expectAck gives an answer its number.
func (l *link) expectAck(fn ack) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acks == nil {
		return 0
	}
	l.lastID++
	l.acks[l.lastID] = fn
	return l.lastID
}

// takeAck takes the one out who waits for an answer; nil: nobody does.
func (l *link) takeAck(id uint64) ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn := l.acks[id]
	delete(l.acks, id)
	return fn
}

// failAcks tells all who wait that the link has ended.
func (l *link) failAcks() {
	l.mu.Lock()
	list := l.acks
	l.acks = nil
	l.mu.Unlock()
	for _, fn := range list {
		fn(nil)
	}
}

// sendTopics queues a frame for a peer who knows of topics. build makes it with
// the number of its answer, for which fn waits; fn nil: nobody does. False: it
// was not sent, and fn is not called.
func (l *link) sendTopics(t wire.FrameType, fn ack, build func(id uint64) interface{ MarshalVT() ([]byte, error) }) bool {
	id := uint64(0)
	if fn != nil {
		if id = l.expectAck(fn); id == 0 {
			return false
		}
	}
	b, err := build(id).MarshalVT()
	if err == nil {
		err = l.enqueue(&wire.Frame{Type: t, Body: b})
	}
	return err == nil || fn != nil && l.takeAck(id) == nil // the end of the link has told it
}

// linkWaiters wait for a link to a peer.
type linkWaiters struct {
	mu   sync.Mutex
	list []func(*link) // what waits for the next link
}

// sendUntilAcked lets a peer hear of something: at once, or when it can be reached
// again; and again where the link has broken before the answer. send tells it,
// as sendTopics does; done is called when the peer has heard of it, or is no
// member any more, or its program knows nothing of topics.
func (p *peer) sendUntilAcked(send func(l *link, fn ack) bool, done func()) {
	p.whenLinked(func(l *link) {
		if l == nil || l.version < topicsVersion {
			done()
			return
		}
		answered := func(w *wire.WireHeard) {
			if w == nil {
				p.sendUntilAcked(send, done)
				return
			}
			done()
		}
		switch {
		case send(l, answered):
		case l.cause() != nil:
			p.sendUntilAcked(send, done)
		default: // no link will ever take it
			p.node.metrics.Refused.Inc()
			p.node.cfg.Log.Error("what sessions follow can't cross nodes: it is larger than a frame may be", "to", p.name, "limit", maxFrame)
			done()
		}
	})
}

// whenLinked calls fn with the link, as soon as there is one; nil: the peer is no
// member any more.
func (p *peer) whenLinked(fn func(*link)) {
	p.waiters.mu.Lock()
	p.waiters.list = append(p.waiters.list, fn)
	p.waiters.mu.Unlock()
	p.callWaiters()
}

// callWaiters calls those who wait for a link, if there is one or never will be.
func (p *peer) callWaiters() {
	l, gone := p.link.Load(), p.removed.Load()
	if !gone && (l == nil || !l.filtersSent.Load() || l.cause() != nil) {
		return
	}
	if gone {
		l = nil
	}
	p.waiters.mu.Lock()
	list := p.waiters.list
	p.waiters.list = nil
	p.waiters.mu.Unlock()
	for _, fn := range list {
		fn(l)
	}
}

// countdown returns what counts answers, and calls done after n of them.
func countdown(n int, done func()) func() {
	left := new(atomic.Int32)
	left.Store(int32(n))
	return func() {
		if left.Add(-1) == 0 {
			done()
		}
	}
}

// Announce implements topic.Nodes.
func (n *Node) Announce(done func()) {
	peers := n.peers.list()
	n.announcing.mu.Lock()
	if changed := n.topics.Changed(); len(changed) > 0 {
		for _, p := range peers { // the next link tells them all
			if l := p.link.Load(); l != nil && l.version >= topicsVersion {
				n.tellFilters(l, changed, false)
			}
		}
	}
	n.announcing.mu.Unlock()
	if done == nil {
		return
	}
	fn := countdown(len(peers)+1, done)
	for _, p := range peers { // frames arrive in order: who has this one has those before
		p.sendUntilAcked(func(l *link, fn ack) bool {
			return l.sendTopics(wire.FrameType_FRAME_FILTERS, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
				return &wire.WireFilters{Id: id}
			})
		}, fn)
	}
	fn()
}

// tellFilters tells a peer of filters. The caller holds announcing.mu.
func (n *Node) tellFilters(l *link, list []topic.FilterCount, anew bool) {
	for first := true; first || len(list) > 0; first = false {
		w := &wire.WireFilters{Anew: anew}
		for _, h := range list[:min(len(list), filtersAtOnce)] {
			w.List = append(w.List, &wire.WireFilter{App: h.App, Filter: h.Filter, N: uint32(max(0, h.N))})
		}
		list, anew = list[len(w.List):], false
		if !l.sendTopics(wire.FrameType_FRAME_FILTERS, nil, func(uint64) interface{ MarshalVT() ([]byte, error) } { return w }) {
			return // the link is down
		}
	}
}

// Interest implements topic.Nodes.
func (n *Node) Interest(key actors.Key, record []byte, done func()) {
	peers := n.peers.list()
	fn := countdown(len(peers)+1, done)
	for _, p := range peers {
		p.sendUntilAcked(func(l *link, fn ack) bool {
			return l.sendTopics(wire.FrameType_FRAME_FOLLOWED, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
				return &wire.WireFollowed{Id: id, Key: string(key), Record: record}
			})
		}, fn)
	}
	fn()
}

// topicsBytes is how much may wait for a peer before what is published to
// topics is refused for it.
const topicsBytes = maxQueue / 4

// Publish implements topic.Nodes.
func (n *Node) Publish(node string, m *actors.TopicMessage, share string, done func(int, *actors.Error)) {
	if done == nil {
		done = func(int, *actors.Error) {}
	}
	var l *link
	if p := n.peers.get(node); p != nil {
		l = p.link.Load()
	}
	if l == nil || l.version < topicsVersion {
		n.metrics.Missed.Inc()
		done(0, nil)
		return
	}
	if queued, _ := l.pending(); queued > topicsBytes {
		n.metrics.Missed.Inc()
		done(0, actors.Errorf(actors.Busy, "a node with subscribers takes less than is published; repeat it later"))
		return
	}
	var fn ack
	if m.Qos > 0 {
		fn = func(w *wire.WireHeard) {
			switch {
			case w == nil:
				done(0, actors.Errorf(actors.Unavailable, "the link to a node with subscribers has broken; whether they have the message is not known"))
			case w.Code != "":
				done(0, &actors.Error{Code: actors.Code(w.Code), Detail: w.Detail})
			default:
				done(int(w.N), nil)
			}
		}
	}
	sent := l.sendTopics(wire.FrameType_FRAME_TOPIC, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
		return &wire.WireTopic{Id: id, Message: m, Share: share}
	})
	switch {
	case !sent:
		n.metrics.Missed.Inc()
		done(0, nil)
	case fn == nil:
		done(0, nil)
	}
}

// receiveTopics takes in a frame about topics.
func (n *Node) receiveTopics(p *peer, l *link, f *wire.Frame) error {
	switch f.Type {
	case wire.FrameType_FRAME_FILTERS:
		w := &wire.WireFilters{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		list := make([]topic.FilterCount, 0, len(w.List))
		for _, h := range w.List {
			list = append(list, topic.FilterCount{App: h.GetApp(), Filter: h.GetFilter(), N: int(h.GetN())})
		}
		if n.topics.SetOther(p.name, list, w.Anew); w.Anew {
			l.filtersKnown.Store(true)
		}
		return l.sendAck(&wire.WireHeard{Id: w.Id})
	case wire.FrameType_FRAME_FOLLOWED:
		w := &wire.WireFollowed{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if err := n.topics.LoadInterest(actors.Record{Key: w.Key, Value: w.Record}); err != nil {
			return err
		}
		return l.sendAck(&wire.WireHeard{Id: w.Id})
	case wire.FrameType_FRAME_TOPIC:
		w := &wire.WireTopic{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if err := w.Message.Check(); err != nil {
			return err
		}
		id := w.Id
		n.topics.PublishHere(w.Message, w.Share, func(took int, err *actors.Error) {
			h := &wire.WireHeard{Id: id, N: uint32(max(0, took))}
			if err != nil {
				h.Code, h.Detail = string(err.Code), err.Detail
			}
			_ = l.sendAck(h) // the other side learns of the end
		})
		return nil
	}
	w := &wire.WireHeard{}
	if err := w.UnmarshalVT(f.Body); err != nil {
		return err
	}
	if fn := l.takeAck(w.Id); fn != nil {
		fn(w)
		return nil
	}
	return fmt.Errorf("an answer to %d, for which nobody waits", w.Id)
}

// sendAck answers, if somebody waits for it.
func (l *link) sendAck(w *wire.WireHeard) error {
	if w.Id == 0 {
		return nil
	}
	b, err := w.MarshalVT()
	if err == nil {
		err = l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_HEARD, Body: b})
	}
	return ignoreDown(err)
}

// linkTopics tells a peer that can be reached again what sessions here follow,
// and reads what was written meanwhile.
func (n *Node) linkTopics(p *peer) {
	l := p.link.Load()
	if l == nil {
		return
	}
	if l.version < topicsVersion {
		l.filtersSent.Store(true)
		l.filtersKnown.Store(true)
		p.callWaiters()
		return
	}
	n.announcing.mu.Lock()
	n.tellFilters(l, n.topics.Filters(), true)
	l.filtersSent.Store(true)
	n.announcing.mu.Unlock()
	p.callWaiters()
	n.loader.do(func() { n.logs.Refresh(context.Background()) })
	n.loader.do(func() {
		if err := n.reloadInterests(context.Background()); err != nil {
			n.cfg.Log.Error("what sessions follow can't be read; messages to sessions that are new may pass them by", "err", err)
		}
	})
}

// startTime is how long a node that starts waits for links to all who live.
const startTime = 5 * time.Second

// awaitLinks waits until this node has links to all others that live, by their
// signs in the store: else it would take in what is published before it hears
// who is subscribed.
func (n *Node) awaitLinks(ctx context.Context) {
	late := time.Now().Add(startTime)
	for {
		missing := slices.DeleteFunc(n.membership.Living(), func(name string) bool {
			p := n.peers.get(name)
			if name == n.cfg.Name || p == nil {
				return name == n.cfg.Name
			}
			l := p.link.Load()
			return l != nil && l.filtersKnown.Load()
		})
		if len(missing) == 0 {
			return
		}
		if time.Now().After(late) {
			n.cfg.Log.Warn("there is no link yet to nodes that live; sessions there may miss what is published here", "nodes", strings.Join(missing, " "))
			return
		}
		if !pause(ctx, 10*time.Millisecond) {
			return
		}
	}
}
