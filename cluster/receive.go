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

// runLink takes in what the peer sends, and when the link has ended tells all whom
// that concerns.
func (n *Node) runLink(p *peer, l *link) {
	defer close(l.closed)
	n.metrics.Links.Inc()
	n.cfg.Log.Info("link up", "node", p.name)
	p.everLinked.Store(true)
	n.sendHeartbeat(l)
	n.linkUp(p)
	l.fail(n.readFrames(p, l))
	p.lastHeard.Store(l.lastHeard.Load())
	p.link.CompareAndSwap(l, nil)
	n.metrics.Links.Dec()
	n.cfg.Log.Warn("link down", "node", p.name, "err", l.cause())
	lost := &actors.NodeLost{Node: p.name}
	n.dir.each(func(_ actors.Key, a *activation) { a.proc.SendUserMessage(a.pid, lost) })
	n.system.Root.Send(n.home.Exchange, lost)
	n.topics.SetOther(p.name, nil, true)
	l.failAcks()
	for _, r := range l.lostCalls() {
		r.Fail(actors.Errorf(actors.Unavailable, "the link to the node that owns this user has broken; the outcome is unknown, repeat under the same key"))
	}
}

// readFrames takes in frames until the link ends, and returns why.
func (n *Node) readFrames(p *peer, l *link) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			n.cfg.Log.Error("a frame of another node made this one panic; the link ends", "node", p.name, "reason", reason, "stack", string(debug.Stack()))
			err = errors.New("a frame made this node panic")
		}
	}()
	for {
		var b wire.Batch
		if err := l.conn.Recv(&b); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		l.lastHeard.Store(n.clock())
		l.bothWays.Store(true) // nothing comes before the peer has this node's hello
		for _, f := range b.Frames {
			if l.cause() != nil {
				return nil
			}
			if err := n.receive(p, l, f); err != nil {
				return fmt.Errorf("a frame that this node can't take: %w", err)
			}
		}
	}
}

// receive takes one frame in. An error ends the link: both programs agreed
// on a version, and one of them does not keep it.
func (n *Node) receive(p *peer, l *link, f *wire.Frame) error {
	switch f.Type {
	case wire.FrameType_FRAME_BEAT:
		w := &wire.WireBeat{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		l.leaving.Store(w.Leaving)
		if l.version >= silentVersion {
			l.peerSilent.Store(int64(time.Duration(w.Silent) * time.Millisecond))
		}
		return nil
	case wire.FrameType_FRAME_ANSWER:
		return n.takeAnswer(l, f.Body)
	case wire.FrameType_FRAME_NOT_OWNER, wire.FrameType_FRAME_RELEASED:
		w := &wire.WireShard{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		if w.Shard >= actors.Shards {
			return fmt.Errorf("shard %d of %d", w.Shard, actors.Shards)
		}
		if f.Type == wire.FrameType_FRAME_RELEASED {
			n.place.send(&released{shard: uint16(w.Shard), by: p.name, epoch: w.Epoch})
		} else {
			n.reattach.later(uint16(w.Shard))
		}
		return nil
	case wire.FrameType_FRAME_CHANGED:
		w := &wire.WireChanged{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return err
		}
		n.changed(w.What)
		return nil
	case wire.FrameType_FRAME_FILTERS, wire.FrameType_FRAME_FOLLOWED, wire.FrameType_FRAME_TOPIC, wire.FrameType_FRAME_HEARD:
		return n.receiveTopics(p, l, f)
	case wire.FrameType_FRAME_LOGGED:
		return n.receiveLogged(l, f)
	case wire.FrameType_FRAME_ASK:
		return n.answerQuestion(l, f.Body)
	case wire.FrameType_FRAME_TOLD:
		return l.takeQuestionAnswer(f.Body)
	}
	c, err := wire.DecodeFrame(f, func(node, id string) *actor.PID { return n.resolvePID(p, node, id) })
	if err != nil {
		return err
	}
	if c.Key == "" {
		n.deliver(c)
		return nil
	}
	return n.takeCrossing(l, c)
}

// resolvePID returns the address of an actor on the sender's node or another.
func (n *Node) resolvePID(p *peer, node, id string) *actor.PID {
	if node == "" || node == p.name {
		return p.pid(id)
	}
	if q := n.peers.get(node); q != nil {
		return q.pid(id)
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
func (n *Node) takeCrossing(l *link, c wire.Crossing) error {
	r, isRequest := c.Message.(*actors.Request)
	if isRequest {
		id := c.ID
		r.OnReply(func(r *actors.Request) { n.sendAnswer(l, id, r) })
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
			err = l.enqueue(f)
		}
		return ignoreDown(err)
	}
	b, err := (&wire.WireShard{Shard: uint32(actors.ShardOf(c.Key))}).MarshalVT()
	if err == nil {
		err = l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_NOT_OWNER, Body: b})
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
func (n *Node) sendAnswer(l *link, id uint64, r *actors.Request) {
	f, err := wire.EncodeAnswer(id, &r.Answer)
	if err == nil && len(f.Body) > maxFrame {
		f, err = wire.EncodeAnswer(id, &actors.Answer{Err: actors.Errorf(actors.TooLarge, "an answer of %d bytes; %d may cross nodes", len(f.Body), maxFrame)})
	}
	if err == nil {
		err = l.enqueue(f)
	}
	if ignoreDown(err) != nil {
		n.metrics.Refused.Inc()
		n.cfg.Log.Error("an answer can't cross nodes", "to", l.peer, "err", err)
	}
	r.Release()
}

// takeAnswer hands an answer to the request that waits for it.
func (n *Node) takeAnswer(l *link, body []byte) error {
	reply, err := wire.DecodeReply(body)
	if err != nil {
		return err
	}
	c, ok := l.takeCall(reply.ID)
	switch {
	case !ok:
		return fmt.Errorf("an answer to request %d, which nobody has made", reply.ID)
	case reply.NotOwner:
		n.queue(c.req.Key, c.req, c.since, queueTime)
	default:
		if reply.Fill(&c.req.Answer); c.req.Answer.Err != nil {
			n.home.UnregisterSession(c.req)
		}
		c.req.Respond()
	}
	return nil
}
