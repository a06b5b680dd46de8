package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"reddot/cluster/wire"
)

// Questions to nodes, about themselves.

// What a node can be asked.
const (
	askStatus    = "status"
	askConnected = "connected"
)

// ask puts a question to a peer and waits for the answer.
func (p *peer) ask(ctx context.Context, what, app string) ([]byte, error) {
	s := p.session.Load()
	if s == nil {
		return nil, errLinkDown
	}
	told := make(chan *wire.WireTold, 1)
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	s.waiting[id] = told
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
	}()
	b, err := (&wire.WireAsk{Id: id, What: what, App: app}).MarshalVT()
	if err == nil {
		err = s.put(&wire.Frame{Type: wire.FrameType_FRAME_ASK, Body: b})
	}
	if err != nil {
		return nil, err
	}
	select {
	case t, ok := <-told:
		switch {
		case !ok:
			return nil, errLinkDown
		case t.Error != "":
			return nil, errors.New(t.Error)
		}
		return t.Body, nil
	case <-s.over:
		return nil, errLinkDown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// takeTold hands an answer to whoever waits for it.
func (s *session) takeTold(body []byte) error {
	t := &wire.WireTold{}
	if err := t.UnmarshalVT(body); err != nil {
		return err
	}
	s.mu.Lock()
	ch := s.waiting[t.Id]
	delete(s.waiting, t.Id)
	s.mu.Unlock()
	if ch != nil {
		ch <- t
	}
	return nil
}

// answerAsk answers a question, elsewhere: it may take a while.
func (n *Node) answerAsk(s *session, body []byte) error {
	w := &wire.WireAsk{}
	if err := w.UnmarshalVT(body); err != nil {
		return err
	}
	n.loads.do(func() {
		t := &wire.WireTold{Id: w.Id}
		var v any
		switch w.What {
		case askStatus:
			v = n.own()
		case askConnected:
			v = n.connectedHere(w.App)
		default:
			t.Error = fmt.Sprintf("this node runs an older program, which does not know the question %q", w.What)
		}
		var err error
		if t.Error == "" {
			t.Body, err = json.Marshal(v)
		}
		if err != nil || len(t.Body) > maxFrame {
			t.Body, t.Error = nil, fmt.Sprintf("the answer can't be sent: %d bytes, %v", len(t.Body), err)
		}
		b, err := t.MarshalVT()
		if err == nil {
			err = s.put(&wire.Frame{Type: wire.FrameType_FRAME_TOLD, Body: b})
		}
		if ignoreDown(err) != nil {
			n.cfg.Log.Error("a question was not answered", "of", s.peer, "err", err)
		}
	})
	return nil
}

// askAll puts a question to all peers at once. take is called with each answer
// or error, one at a time.
func (n *Node) askAll(ctx context.Context, what, app string, take func(p *peer, body []byte, err error)) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, p := range n.peers.list() {
		wait.Go(func() {
			body, err := p.ask(ctx, what, app)
			mu.Lock()
			defer mu.Unlock()
			take(p, body, err)
		})
	}
	wait.Wait()
}

// Tell tells all other nodes that something in the store has changed of which
// they keep a copy; they are told by Config.Told.
func (n *Node) Tell(what string) {
	b, err := (&wire.WireChanged{What: what}).MarshalVT()
	if err != nil {
		return
	}
	for _, p := range n.peers.list() {
		p.send(&wire.Frame{Type: wire.FrameType_FRAME_CHANGED, Body: b})
	}
}

// relinked is told when a link has come up: what a node has missed meanwhile
// it must read.
const relinked = "link"

// told passes on what another node tells.
func (n *Node) told(what string) {
	if n.cfg.Told != nil {
		n.loads.do(func() { n.cfg.Told(what) })
	}
}
