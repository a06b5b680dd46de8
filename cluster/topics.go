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

// heard is called with what a peer has answered; nil: the link broke before.
type heard func(*wire.WireHeard)

// expect gives an answer its number.
func (s *session) expect(fn heard) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hears == nil {
		return 0
	}
	s.lastID++
	s.hears[s.lastID] = fn
	return s.lastID
}

// heardOf takes the one out who waits for an answer; nil: nobody does.
func (s *session) heardOf(id uint64) heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn := s.hears[id]
	delete(s.hears, id)
	return fn
}

// unheard tells all who wait that the session has ended.
func (s *session) unheard() {
	s.mu.Lock()
	list := s.hears
	s.hears = nil
	s.mu.Unlock()
	for _, fn := range list {
		fn(nil)
	}
}

// tellTopics queues a frame for a peer who knows of topics. build makes it with
// the number of its answer, for which fn waits; fn nil: nobody does. False: it
// was not sent, and fn is not called.
func (s *session) tellTopics(t wire.FrameType, fn heard, build func(id uint64) interface{ MarshalVT() ([]byte, error) }) bool {
	id := uint64(0)
	if fn != nil {
		if id = s.expect(fn); id == 0 {
			return false
		}
	}
	b, err := build(id).MarshalVT()
	if err == nil {
		err = s.put(&wire.Frame{Type: t, Body: b})
	}
	return err == nil || fn != nil && s.heardOf(id) == nil // the end has told it
}

// news is what a peer is to hear of in any case.
type news struct {
	mu   sync.Mutex
	list []func(*session) // what waits for the next link
}

// surely lets a peer hear of something: at once, or when it can be reached
// again; and again where the link has broken before the answer. send tells it,
// as tellTopics does; done is called when the peer has heard of it, or is no
// member any more, or its program knows nothing of topics.
func (p *peer) surely(send func(s *session, fn heard) bool, done func()) {
	p.linked(func(s *session) {
		if s == nil || s.version < topicsVersion {
			done()
			return
		}
		answered := func(w *wire.WireHeard) {
			if w == nil {
				p.surely(send, done)
				return
			}
			done()
		}
		switch {
		case send(s, answered):
		case s.cause() != nil:
			p.surely(send, done)
		default: // no link will ever take it
			p.node.metrics.Refused.Inc()
			p.node.cfg.Log.Error("what sessions follow can't cross nodes: it is larger than a frame may be", "to", p.name, "limit", maxFrame)
			done()
		}
	})
}

// linked calls fn with the session, as soon as there is one; nil: the peer is no
// member any more.
func (p *peer) linked(fn func(*session)) {
	p.news.mu.Lock()
	p.news.list = append(p.news.list, fn)
	p.news.mu.Unlock()
	p.passNews()
}

// passNews calls those who wait for a session, if there is one or never will be.
func (p *peer) passNews() {
	s, gone := p.session.Load(), p.gone.Load()
	if !gone && (s == nil || !s.told.Load() || s.cause() != nil) {
		return
	}
	if gone {
		s = nil
	}
	p.news.mu.Lock()
	list := p.news.list
	p.news.list = nil
	p.news.mu.Unlock()
	for _, fn := range list {
		fn(s)
	}
}

// all returns what counts answers, and calls done after n of them.
func all(n int, done func()) func() {
	left := new(atomic.Int32)
	left.Store(int32(n)) // #nosec G115 -- peers are few
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
			if s := p.session.Load(); s != nil && s.version >= topicsVersion {
				n.tellFilters(s, changed, false)
			}
		}
	}
	n.announcing.mu.Unlock()
	if done == nil {
		return
	}
	fn := all(len(peers)+1, done)
	for _, p := range peers { // frames arrive in order: who has this one has those before
		p.surely(func(s *session, fn heard) bool {
			return s.tellTopics(wire.FrameType_FRAME_FILTERS, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
				return &wire.WireFilters{Id: id}
			})
		}, fn)
	}
	fn()
}

// tellFilters tells a peer of filters. The caller holds announcing.mu.
func (n *Node) tellFilters(s *session, list []topic.FilterCount, anew bool) {
	for first := true; first || len(list) > 0; first = false {
		w := &wire.WireFilters{Anew: anew}
		for _, h := range list[:min(len(list), filtersAtOnce)] {
			w.List = append(w.List, &wire.WireFilter{App: h.App, Filter: h.Filter, N: uint32(max(0, h.N))}) // #nosec G115 -- sessions
		}
		list, anew = list[len(w.List):], false
		if !s.tellTopics(wire.FrameType_FRAME_FILTERS, nil, func(uint64) interface{ MarshalVT() ([]byte, error) } { return w }) {
			return // the link is down
		}
	}
}

// Followed implements topic.Nodes.
func (n *Node) Interest(key actors.Key, record []byte, done func()) {
	peers := n.peers.list()
	fn := all(len(peers)+1, done)
	for _, p := range peers {
		p.surely(func(s *session, fn heard) bool {
			return s.tellTopics(wire.FrameType_FRAME_FOLLOWED, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
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
	var s *session
	if p := n.peers.get(node); p != nil {
		s = p.session.Load()
	}
	if s == nil || s.version < topicsVersion {
		n.metrics.Missed.Inc()
		done(0, nil)
		return
	}
	if queued, _ := s.load(); queued > topicsBytes {
		n.metrics.Missed.Inc()
		done(0, actors.Errorf(actors.Busy, "a node with subscribers takes less than is published; repeat it later"))
		return
	}
	var fn heard
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
	sent := s.tellTopics(wire.FrameType_FRAME_TOPIC, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
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
func (n *Node) receiveTopics(p *peer, s *session, f *wire.Frame) error {
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
			s.tells.Store(true)
		}
		return s.answerHeard(&wire.WireHeard{Id: w.Id})
	case wire.FrameType_FRAME_FOLLOWED:
		w := &wire.WireFollowed{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if err := n.topics.LoadInterest(actors.Record{Key: w.Key, Value: w.Record}); err != nil {
			return err
		}
		return s.answerHeard(&wire.WireHeard{Id: w.Id})
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
			h := &wire.WireHeard{Id: id, N: uint32(max(0, took))} // #nosec G115 -- sessions
			if err != nil {
				h.Code, h.Detail = string(err.Code), err.Detail
			}
			_ = s.answerHeard(h) // the other side learns of the end
		})
		return nil
	}
	w := &wire.WireHeard{}
	if err := w.UnmarshalVT(f.Body); err != nil {
		return err
	}
	if fn := s.heardOf(w.Id); fn != nil {
		fn(w)
		return nil
	}
	return fmt.Errorf("an answer to %d, for which nobody waits", w.Id)
}

// answerHeard answers, if somebody waits for it.
func (s *session) answerHeard(w *wire.WireHeard) error {
	if w.Id == 0 {
		return nil
	}
	b, err := w.MarshalVT()
	if err == nil {
		err = s.put(&wire.Frame{Type: wire.FrameType_FRAME_HEARD, Body: b})
	}
	return ignoreDown(err)
}

// linkTopics tells a peer that can be reached again what sessions here follow,
// and reads what was written meanwhile.
func (n *Node) linkTopics(p *peer) {
	s := p.session.Load()
	if s == nil {
		return
	}
	if s.version < topicsVersion {
		s.told.Store(true)
		s.tells.Store(true)
		p.passNews()
		return
	}
	n.announcing.mu.Lock()
	n.tellFilters(s, n.topics.Filters(), true)
	s.told.Store(true)
	n.announcing.mu.Unlock()
	p.passNews()
	n.loads.do(func() {
		if err := n.refollow(context.Background()); err != nil {
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
			s := p.session.Load()
			return s != nil && s.tells.Load()
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
