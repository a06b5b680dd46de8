package cluster

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/cluster/wire"
)

// run lives through a session: it takes in what the peer sends, and when the
// session has ended tells all whom that concerns.
func (n *Node) run(p *peer, s *session) {
	defer close(s.closed)
	n.metrics.Links.Inc()
	n.cfg.Log.Info("link up", "node", p.name)
	p.met.Store(true)
	n.beatOnce(s)
	n.linked(p)
	s.fail(n.listen(p, s))
	p.heard.Store(s.heard.Load())
	p.session.CompareAndSwap(s, nil)
	n.metrics.Links.Dec()
	n.cfg.Log.Warn("link down", "node", p.name, "err", s.cause())
	lost := &actors.NodeLost{Node: p.name}
	n.dir.each(func(_ actors.Key, a *activation) { a.proc.SendUserMessage(a.pid, lost) })
	n.system.Root.Send(n.home.Exchange, lost)
	n.topics.SetOther(p.name, nil, true)
	s.unheard()
	for _, r := range s.lost() {
		r.Fail(actors.Errorf(actors.Unavailable, "the link to the node that owns this user has broken; the outcome is unknown, repeat under the same key"))
	}
}

// listen takes in frames until the session ends, and returns why.
func (n *Node) listen(p *peer, s *session) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			n.cfg.Log.Error("a frame of another node made this one panic; the link ends", "node", p.name, "reason", reason, "stack", string(debug.Stack()))
			err = errors.New("a frame made this node panic")
		}
	}()
	for {
		var b wire.Batch
		if err := s.stream.Recv(&b); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		s.heard.Store(n.clock())
		s.spoken.Store(true) // nothing comes before the peer has this node's hello
		for _, f := range b.Frames {
			if s.cause() != nil {
				return nil
			}
			if err := n.receive(p, s, f); err != nil {
				return fmt.Errorf("a frame that this node can't take: %w", err)
			}
		}
	}
}

// receive takes one frame in. An error ends the session: both programs agreed
// on a version, and one of them does not keep it.
func (n *Node) receive(p *peer, s *session, f *wire.Frame) error {
	switch f.Type {
	case wire.FrameType_FRAME_BEAT:
		w := &wire.WireBeat{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		s.leaving.Store(w.Leaving)
		if s.version >= wireSilent {
			s.deaf.Store(int64(time.Duration(w.Silent) * time.Millisecond))
		}
		return nil
	case wire.FrameType_FRAME_ANSWER:
		return n.takeAnswer(s, f.Body)
	case wire.FrameType_FRAME_NOT_OWNER, wire.FrameType_FRAME_RELEASED:
		w := &wire.WireShard{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if w.Shard >= actors.Shards {
			return fmt.Errorf("shard %d of %d", w.Shard, actors.Shards)
		}
		if f.Type == wire.FrameType_FRAME_RELEASED {
			n.place.send(&released{shard: uint16(w.Shard), by: p.name, epoch: w.Epoch}) // #nosec G115 -- checked
		} else {
			n.reattach.later(uint16(w.Shard)) // #nosec G115 -- checked
		}
		return nil
	case wire.FrameType_FRAME_CHANGED:
		w := &wire.WireChanged{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		n.told(w.What)
		return nil
	case wire.FrameType_FRAME_FILTERS, wire.FrameType_FRAME_FOLLOWED, wire.FrameType_FRAME_TOPIC, wire.FrameType_FRAME_HEARD:
		return n.receiveTopics(p, s, f)
	case wire.FrameType_FRAME_ASK:
		return n.answerAsk(s, f.Body)
	case wire.FrameType_FRAME_TOLD:
		return s.takeTold(f.Body)
	}
	c, err := wire.DecodeFrame(f, func(node, id string) *actor.PID { return n.gatePID(p, node, id) })
	if err != nil {
		return err
	}
	if c.Key == "" {
		n.deliver(c)
		return nil
	}
	return n.takeCrossing(s, c)
}

// gatePID returns the address of an actor on the sender's node or another.
func (n *Node) gatePID(p *peer, node, id string) *actor.PID {
	if node == "" || node == p.name {
		return p.gate(id)
	}
	if q := n.peers.get(node); q != nil {
		return q.gate(id)
	}
	return actor.NewPID(node, id)
}

// deliver hands a message to one of this node's actors, if it is still there.
func (n *Node) deliver(c wire.Crossing) {
	if proc, ok := n.system.ProcessRegistry.GetLocal(c.PID); ok {
		proc.SendUserMessage(actor.NewPID(n.cfg.Name, c.PID), c.Message)
	}
}

// takeCrossing takes in a message to a persistent actor, if this node owns it.
func (n *Node) takeCrossing(s *session, c wire.Crossing) error {
	r, isRequest := c.Message.(*actors.Request)
	if isRequest {
		id := c.ID
		r.OnReply(func(r *actors.Request) { n.sendAnswer(s, id, r) })
		if r.Command == nil {
			r.Fail(actors.Errorf(actors.Unavailable, "the node that owns this user runs an older program, which does not know this command yet"))
			return nil
		}
	}
	if n.accept(c.Key, c.Message) {
		return nil
	}
	if isRequest {
		r.OnReply(nil)
		r.Release()
		f, err := wire.EncodeNotOwner(c.ID)
		if err == nil {
			err = s.put(f)
		}
		return ignoreDown(err)
	}
	b, err := (&wire.WireShard{Shard: uint32(actors.ShardOf(c.Key))}).MarshalVT()
	if err == nil {
		err = s.put(&wire.Frame{Type: wire.FrameType_FRAME_NOT_OWNER, Body: b})
	}
	return ignoreDown(err)
}

func ignoreDown(err error) error {
	if errors.Is(err, errLinkDown) {
		return nil
	}
	return err
}

// sendAnswer sends an answer back and gives the request's memory back.
func (n *Node) sendAnswer(s *session, id uint64, r *actors.Request) {
	f, err := wire.EncodeAnswer(id, &r.Answer)
	if err == nil && len(f.Body) > maxFrame {
		f, err = wire.EncodeAnswer(id, &actors.Answer{Err: actors.Errorf(actors.TooLarge, "an answer of %d bytes; %d may cross nodes", len(f.Body), maxFrame)})
	}
	if err == nil {
		err = s.put(f)
	}
	if ignoreDown(err) != nil {
		n.metrics.Refused.Inc()
		n.cfg.Log.Error("an answer can't cross nodes", "to", s.peer, "err", err)
	}
	r.Release()
}

// takeAnswer hands an answer to the request that waits for it.
func (n *Node) takeAnswer(s *session, body []byte) error {
	reply, err := wire.DecodeReply(body)
	if err != nil {
		return err
	}
	c, ok := s.answered(reply.ID)
	switch {
	case !ok:
		return fmt.Errorf("an answer to request %d, which nobody has made", reply.ID)
	case reply.NotOwner:
		n.hold(c.req.Key, c.req, c.since, holdTime)
	default:
		if reply.Fill(&c.req.Answer); c.req.Answer.Err != nil {
			n.home.Unexport(c.req)
		}
		c.req.Respond()
	}
	return nil
}

// clock returns nanoseconds that only go forward.
func (n *Node) clock() int64 { return int64(time.Since(n.started)) }

// beat tells all peers that this node lives, and ends links to those that are
// silent.
func (n *Node) beat() {
	if now := n.clock(); now-n.beaten.Swap(now) > int64(silenceLimit) {
		n.thaw()
	}
	for _, p := range n.peers.list() {
		s := p.session.Load()
		if s == nil {
			continue
		}
		if silent := s.silent(n); silent > silenceLimit {
			s.fail(fmt.Errorf("it was silent for %v", silent.Round(time.Millisecond)))
			continue
		}
		n.beatOnce(s)
	}
}

// beatOnce tells one peer.
func (n *Node) beatOnce(s *session) {
	w := &wire.WireBeat{Leaving: n.leaving.Load()}
	if s.version >= wireSilent {
		w.Silent = uint32(max(0, s.silent(n).Milliseconds())) // #nosec G115 -- less than silenceLimit
	}
	if b, err := w.MarshalVT(); err == nil {
		_ = s.put(&wire.Frame{Type: wire.FrameType_FRAME_BEAT, Body: b}) // an error has ended the session
	}
}

// thaw is called when this node has stood still for longer than silenceLimit:
// others may have taken its shards. It gives them up, and takes those again
// that are still its own.
func (n *Node) thaw() {
	n.cfg.Log.Warn("this node stood still for so long that others may have taken its shards; it takes its shards anew")
	n.place.send(&thawed{})
}
