package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"reddot/cluster/membership"
	"reddot/cluster/stream"
	"reddot/cluster/wire"
)

// The wire versions that this program speaks. Whatever an older program would
// misunderstand gets a new number, and is sent only over links that have
// agreed on it; least moves up when no program in use speaks the old one any
// more. Version 1: all frames and commands of wire.proto up to FRAME_TOLD
// and COMMAND_START_SEND. Version 2: sessions and topics, up to FRAME_HEARD and
// COMMAND_RETAINED; heartbeats say for how long nothing was heard. Version 3: broadcasts.
// Version 4: broadcasts to segments and lists. Version 5: those to users who join later.
// Version 6: those that rules may hold.
const (
	wireLeast     = 1
	wireMost      = 6
	silentVersion = 2
)

// hello returns the frame that opens a link to a peer.
func (n *Node) hello(to string) (*wire.Batch, error) {
	w := &wire.WireHello{Node: n.cfg.Name, To: to, Least: n.wire.least, Most: n.wire.most, Cluster: n.cfg.Cluster.Name, Program: n.cfg.Program, Time: n.cfg.Now()}
	for _, s := range n.settings() {
		w.Settings = append(w.Settings, &wire.WireSetting{Name: s.Name, Value: s.Value, Alike: s.Alike})
	}
	b, err := w.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode a hello: %w", err)
	}
	return &wire.Batch{Frames: []*wire.Frame{{Type: wire.FrameType_FRAME_HELLO, Body: b}}}, nil
}

// settings returns those that concern the others.
func (n *Node) settings() []Setting {
	if n.cfg.Cluster.Settings == nil {
		return nil
	}
	return n.cfg.Cluster.Settings()
}

// compare compares this node's settings with another one's, as far as both
// programs know them. The error names those that must be alike and are not.
func (n *Node) compare(h *wire.WireHello) error {
	theirs := make(map[string]*wire.WireSetting, len(h.Settings))
	for _, s := range h.Settings {
		theirs[s.Name] = s
	}
	var harm, others []string
	for _, s := range n.settings() {
		o := theirs[s.Name]
		switch {
		case o == nil || o.Value == s.Value:
		case s.Alike || o.Alike:
			harm = append(harm, fmt.Sprintf("%s is %s here and %s there", s.Name, s.Value, o.Value))
		default:
			others = append(others, s.Name)
		}
	}
	if len(others) > 0 {
		n.cfg.Log.Warn("settings differ between servers: clients find another behavior on each", "node", h.Node, "settings", strings.Join(others, " "))
	}
	if len(harm) == 0 {
		return nil
	}
	const most = 5 // are told
	return membership.Mismatch(fmt.Sprintf("the settings of %s differ from this server's, and would change users' data: %s; give all servers the same",
		h.Node, strings.Join(harm[:min(most, len(harm))], ", ")))
}

// readHello reads the first frame of a link and says who sent it, also with
// an error if it can.
func (n *Node) readHello(c stream.Conn) (*wire.WireHello, error) {
	var b wire.Batch
	if err := c.Recv(&b); err != nil {
		return nil, fmt.Errorf("receive a hello: %w", err)
	}
	if len(b.Frames) != 1 || b.Frames[0].Type != wire.FrameType_FRAME_HELLO {
		return nil, errors.New("the first frame is no hello")
	}
	h := &wire.WireHello{}
	if err := h.UnmarshalVT(b.Frames[0].Body); err != nil {
		return nil, fmt.Errorf("decode a hello: %w", err)
	}
	switch {
	case h.Cluster != n.cfg.Cluster.Name:
		return h, membership.Mismatch(fmt.Sprintf("%s belongs to the cluster %q, and this node to %q: give both the same cluster.name, or take the address out of cluster.join", h.Node, h.Cluster, n.cfg.Cluster.Name))
	case h.To != n.cfg.Name:
		return h, fmt.Errorf("%s looks for %s, which was at this address before, or whose cluster.advertise_peers is this node's address", h.Node, h.To)
	case min(h.Most, n.wire.most) < max(h.Least, n.wire.least):
		return h, membership.Mismatch(fmt.Sprintf("%s (program %s) speaks the wire versions %d to %d, and this node %d to %d: bring both to versions that have one in common",
			h.Node, h.Program, h.Least, h.Most, n.wire.least, n.wire.most))
	}
	return h, n.compare(h)
}

// openLink begins a link that this node has dialed.
func (n *Node) openLink(p *peer, c stream.Conn) error {
	b, err := n.hello(p.name)
	if err == nil {
		err = c.Send(b)
	}
	if err != nil {
		c.Close()
		return err
	}
	late := time.AfterFunc(stream.HelloTimeout, c.Close)
	h, err := n.readHello(c)
	if err == nil && h.Node != p.name {
		err = membership.Mismatch(fmt.Sprintf("%s is at the address that %s gives as its cluster.advertise_peers, %s: give each server its own", h.Node, p.name, p.addr))
	}
	if !late.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		c.Close()
		return err
	}
	n.startLink(p, c, min(h.Most, n.wire.most))
	return nil
}

// serveLink serves a link that a peer has dialed, until it ends.
func (n *Node) serveLink(c stream.Conn) error {
	h, err := n.readHello(c)
	if err != nil {
		return n.refuseLink(c, h, err)
	}
	p := n.peers.get(h.Node)
	if p == nil {
		n.membership.Refused(h.Node)
		return fmt.Errorf("%s is no member that %s knows", h.Node, n.cfg.Name)
	}
	b, err := n.hello(p.name)
	if err == nil {
		err = c.Send(b)
	}
	if err != nil {
		return err
	}
	stream.Introduced(c)
	l := n.startLink(p, c, min(h.Most, n.wire.most))
	<-l.done
	return l.cause()
}

// refuseLink lets a link not come up. The other side gets this node's hello all the
// same, so that it finds the difference itself.
func (n *Node) refuseLink(c stream.Conn, h *wire.WireHello, why error) error {
	if missed, ok := n.refusals.Allow(); ok {
		n.cfg.Log.Warn("a link was refused", "err", why, "others", missed)
	}
	if h == nil {
		return why
	}
	if p := n.peers.get(h.Node); p != nil {
		p.lastError.Store(&why)
	}
	if b, err := n.hello(h.Node); err == nil && h.To == n.cfg.Name {
		err = c.Send(b)
		if err != nil {
			return errors.Join(why, err)
		}
	}
	return why
}

// startLink makes a stream the link to a peer, in place of an older one.
func (n *Node) startLink(p *peer, c stream.Conn, version uint32) *link {
	p.opening.Lock()
	defer p.opening.Unlock()
	if old := p.link.Load(); old != nil {
		old.fail(errors.New("a new link has come in its place"))
		<-old.closed
	}
	l := newLink(p.name, c)
	l.version = version
	l.lastHeard.Store(n.clock())
	if p.removed.Load() {
		l.fail(errors.New("it is no member any more"))
		close(l.closed)
		return l
	}
	p.link.Store(l)
	p.lastError.Store(nil)
	n.done.Add(2)
	go func() {
		defer n.done.Done()
		l.write()
	}()
	go func() {
		defer n.done.Done()
		n.runLink(p, l)
	}()
	return l
}
