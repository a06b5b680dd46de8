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
	l := p.link.Load()
	if l == nil {
		return nil, errLinkDown
	}
	told := make(chan *wire.WireTold, 1)
	l.mu.Lock()
	l.lastID++
	id := l.lastID
	l.questions[id] = told
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.questions, id)
		l.mu.Unlock()
	}()
	b, err := (&wire.WireAsk{Id: id, What: what, App: app}).MarshalVT()
	if err == nil {
		err = l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_ASK, Body: b})
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
	case <-l.done:
		return nil, errLinkDown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// takeQuestionAnswer hands an answer to whoever waits for it.
func (l *link) takeQuestionAnswer(body []byte) error {
	t := &wire.WireTold{}
	if err := t.UnmarshalVT(body); err != nil {
		return err
	}
	l.mu.Lock()
	ch := l.questions[t.Id]
	delete(l.questions, t.Id)
	l.mu.Unlock()
	if ch != nil {
		ch <- t
	}
	return nil
}

// answerQuestion answers a question, elsewhere: it may take a while.
func (n *Node) answerQuestion(l *link, body []byte) error {
	w := &wire.WireAsk{}
	if err := w.UnmarshalVT(body); err != nil {
		return err
	}
	n.loader.do(func() {
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
			err = l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_TOLD, Body: b})
		}
		if ignoreDown(err) != nil {
			n.cfg.Log.Error("a question was not answered", "of", l.peer, "err", err)
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

// NotifyChanged tells all other nodes that something in the store has changed of which
// they keep a copy; Config.Changed tells what they do then.
func (n *Node) NotifyChanged(what string) {
	b, err := (&wire.WireChanged{What: what}).MarshalVT()
	if err != nil {
		return
	}
	for _, p := range n.peers.list() {
		p.send(&wire.Frame{Type: wire.FrameType_FRAME_CHANGED, Body: b})
	}
}

// changedLink is what Config.Changed is told when a link has come up: what a node has missed meanwhile
// it must read.
const changedLink = "link"

// changed passes on what another node has said has changed.
func (n *Node) changed(what string) {
	if n.cfg.Changed != nil {
		n.loader.do(func() { n.cfg.Changed(what) })
	}
}
