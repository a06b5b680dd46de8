package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"reddot/actors"
)

// What nodes tell each other of topics: by which filters they have sessions,
// what outlives connections, and what is published.

// topicsVersion is the first wire version that knows of it.
const topicsVersion = 2

// announcing sees to it that all peers hear of changes in the same order.
type announcing struct{ mu sync.Mutex }

// filtersAtOnce is how many filters one frame names.
const filtersAtOnce = 1000

var _ actors.Elsewhere = (*Node)(nil)

// heard is called with what a peer has answered; nil: the link broke before.
type heard func(*actors.WireHeard)

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
func (s *session) tellTopics(t actors.FrameType, fn heard, build func(id uint64) interface{ MarshalVT() ([]byte, error) }) bool {
	id := uint64(0)
	if fn != nil {
		if id = s.expect(fn); id == 0 {
			return false
		}
	}
	b, err := build(id).MarshalVT()
	if err == nil {
		err = s.put(&actors.Frame{Type: t, Body: b})
	}
	return err == nil || fn != nil && s.heardOf(id) == nil // the end has told it
}

// topicPeers returns the sessions with peers who know of topics.
func (n *Node) topicPeers() []*session {
	var list []*session
	for _, p := range n.peers.list() {
		if s := p.session.Load(); s != nil && s.version >= topicsVersion {
			list = append(list, s)
		}
	}
	return list
}

// all returns what counts answers, and calls done after n of them.
func all(n int, done func()) heard {
	if done == nil {
		return nil
	}
	left := new(atomic.Int32)
	left.Store(int32(n)) // #nosec G115 -- peers are few
	return func(*actors.WireHeard) {
		if left.Add(-1) == 0 {
			done()
		}
	}
}

// Announce implements actors.Elsewhere.
func (n *Node) Announce(done func()) {
	n.announcing.mu.Lock()
	changed := n.home.Topics.Announced()
	peers := n.topicPeers()
	fn := all(len(peers)+1, done)
	for _, s := range peers {
		if len(changed) > 0 || fn != nil {
			n.tellFilters(s, changed, false, fn)
		}
	}
	n.announcing.mu.Unlock()
	if fn != nil {
		fn(nil)
	}
}

// tellFilters tells a peer of filters. The caller holds announcing.mu.
func (n *Node) tellFilters(s *session, list []actors.HeldFilter, anew bool, fn heard) {
	for {
		w := &actors.WireFilters{Anew: anew}
		for _, h := range list[:min(len(list), filtersAtOnce)] {
			w.List = append(w.List, &actors.WireFilter{App: h.App, Filter: h.Filter, N: uint32(max(0, h.N))}) // #nosec G115 -- sessions
		}
		list = list[len(w.List):]
		last := heard(nil)
		if len(list) == 0 {
			last = fn
		}
		sent := s.tellTopics(actors.FrameType_FRAME_FILTERS, last, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
			w.Id = id
			return w
		})
		if !sent && fn != nil {
			fn(nil)
			return
		}
		if anew = false; len(list) == 0 {
			return
		}
	}
}

// Followed implements actors.Elsewhere.
func (n *Node) Followed(key actors.Key, record []byte, done func()) {
	peers := n.topicPeers()
	fn := all(len(peers)+1, done)
	for _, s := range peers {
		if !s.tellTopics(actors.FrameType_FRAME_FOLLOWED, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
			return &actors.WireFollowed{Id: id, Key: string(key), Record: record}
		}) {
			fn(nil)
		}
	}
	fn(nil)
}

// topicsBytes is how much may wait for a peer before what is published to
// topics is refused for it.
const topicsBytes = maxQueue / 4

// Publish implements actors.Elsewhere.
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
		fn = func(w *actors.WireHeard) {
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
	sent := s.tellTopics(actors.FrameType_FRAME_TOPIC, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
		return &actors.WireTopic{Id: id, Message: m, Share: share}
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
func (n *Node) receiveTopics(p *peer, s *session, f *actors.Frame) error {
	switch f.Type {
	case actors.FrameType_FRAME_FILTERS:
		w := &actors.WireFilters{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		list := make([]actors.HeldFilter, 0, len(w.List))
		for _, h := range w.List {
			list = append(list, actors.HeldFilter{App: h.GetApp(), Filter: h.GetFilter(), N: int(h.GetN())})
		}
		n.home.Topics.HeldBy(p.name, list, w.Anew)
		return s.answerHeard(&actors.WireHeard{Id: w.Id})
	case actors.FrameType_FRAME_FOLLOWED:
		w := &actors.WireFollowed{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if err := n.home.Topics.Follow(actors.Record{Key: w.Key, Value: w.Record}); err != nil {
			return err
		}
		return s.answerHeard(&actors.WireHeard{Id: w.Id})
	case actors.FrameType_FRAME_TOPIC:
		w := &actors.WireTopic{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if err := w.Message.Check(); err != nil {
			return err
		}
		id := w.Id
		n.home.Topics.PublishHere(w.Message, w.Share, func(took int, err *actors.Error) {
			h := &actors.WireHeard{Id: id, N: uint32(max(0, took))} // #nosec G115 -- sessions
			if err != nil {
				h.Code, h.Detail = string(err.Code), err.Detail
			}
			_ = s.answerHeard(h) // the other side learns of the end
		})
		return nil
	}
	w := &actors.WireHeard{}
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
func (s *session) answerHeard(w *actors.WireHeard) error {
	if w.Id == 0 {
		return nil
	}
	b, err := w.MarshalVT()
	if err == nil {
		err = s.put(&actors.Frame{Type: actors.FrameType_FRAME_HEARD, Body: b})
	}
	return ignoreDown(err)
}

// linkTopics tells a peer that can be reached again what sessions here follow,
// and reads what was written meanwhile.
func (n *Node) linkTopics(p *peer) {
	s := p.session.Load()
	if s == nil || s.version < topicsVersion {
		return
	}
	n.announcing.mu.Lock()
	n.tellFilters(s, n.home.Topics.Held(), true, nil)
	n.announcing.mu.Unlock()
	n.loads.do(func() {
		if err := n.refollow(context.Background()); err != nil {
			n.cfg.Log.Error("what sessions follow can't be read; messages to sessions that are new may pass them by", "err", err)
		}
	})
}
