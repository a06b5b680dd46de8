package cluster

import (
	"fmt"

	"reddot/actors"
	"reddot/actors/broadcast"
	"reddot/cluster/wire"
)

// What nodes tell each other of broadcast logs: each entry, once it is durable.

// The first wire versions that know of them, of those for segments and lists, of those
// that are also for users who join later, and of those that rules may hold.
const (
	broadcastsVersion = 3
	segmentsVersion   = 4
	newcomersVersion  = 5
	holdsVersion      = 6
)

var _ broadcast.Nodes = (*Node)(nil)

// Understand implements broadcast.Nodes: an older program would take a broadcast in a
// user's snapshot for a message of its own, or for one that is for nobody.
func (n *Node) Understand(a *actors.Audience) *actors.Error {
	least, what := uint32(broadcastsVersion), "broadcasts"
	if a.Segment != nil || a.List != "" {
		least, what = segmentsVersion, "broadcasts to segments and lists"
	}
	if a.Newcomers {
		least, what = newcomersVersion, "broadcasts to users who join later"
	}
	for _, p := range n.peers.list() {
		if l := p.link.Load(); l != nil && l.version < least {
			return actors.Errorf(actors.Unavailable, "the program of node %s is too old for %s; bring all nodes to one version", p.name, what)
		}
	}
	return nil
}

// MayHold implements broadcast.Nodes: an older program would show what waits.
func (n *Node) MayHold() bool {
	for _, p := range n.peers.list() {
		if l := p.link.Load(); l != nil && l.version < holdsVersion {
			return false
		}
	}
	return true
}

// Appended implements broadcast.Nodes.
func (n *Node) Appended(app string, e *actors.LogEntry, done func()) {
	peers := n.peers.list()
	fn := countdown(len(peers)+1, done)
	for _, p := range peers {
		p.sendUntilAcked(func(l *link, fn ack) bool {
			return l.sendTopics(wire.FrameType_FRAME_LOGGED, fn, func(id uint64) interface{ MarshalVT() ([]byte, error) } {
				return &wire.WireLogged{Id: id, App: app, Entry: e}
			})
		}, fn)
	}
	fn()
}

// receiveLogged takes in an entry of a log.
func (n *Node) receiveLogged(l *link, f *wire.Frame) error {
	w := &wire.WireLogged{}
	if err := w.UnmarshalVT(f.Body); err != nil {
		return err
	}
	if w.Entry == nil || w.App == "" {
		return fmt.Errorf("an entry of a broadcast log that is none")
	}
	if err := w.Entry.Check(); err != nil {
		return err
	}
	n.logs.Received(w.App, w.Entry, func() { _ = l.sendAck(&wire.WireHeard{Id: w.Id}) }) // the other side learns of the end
	return nil
}
