package membership

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"

	"reddot/cluster/wire"
)

// The pace of the gossip.
const (
	probeEvery   = 500 * time.Millisecond
	probeTime    = 400 * time.Millisecond
	suspicion    = 5 // times probeEvery, and
	suspicionMax = 2 // times that while nobody else has noticed: there may be nobody else
)

// neighbor is a node as gossip has it.
type neighbor struct {
	addr string // of gossip
	meta *wire.WireMember
}

// setMeta sets what this node gossips of itself.
func (m *Membership) setMeta(leaving bool) error {
	b, err := (&wire.WireMember{Peers: m.cfg.Links, Leaving: leaving, Joining: !m.ownsShards(), Announces: !m.cfg.Mute, Cluster: m.cfg.Cluster, Least: m.cfg.Least, Most: m.cfg.Most}).MarshalVT()
	if err != nil {
		return err
	}
	if len(b) > memberlist.MetaMaxSize {
		return fmt.Errorf("%d bytes of gossip about this node; %d are allowed: shorten the cluster's name", len(b), memberlist.MetaMaxSize)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meta, m.leaving = b, leaving
	return nil
}

// startGossip opens the port of the gossip.
func (m *Membership) startGossip() error {
	conf, err := m.gossipConfig()
	if err != nil {
		return err
	}
	if m.list, err = memberlist.Create(conf); err != nil {
		return fmt.Errorf("gossip on %s: %w", m.cfg.Bind, err)
	}
	local := m.list.LocalNode()
	m.addr = net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
	m.signs.setGossip(m.addr)
	return nil
}

// Shutdown ends the gossip. If it is graceful the others are told; else they have
// to find out.
func (m *Membership) Shutdown(graceful bool) error {
	if graceful {
		if err := m.list.Leave(leaveTime); err != nil {
			// Nobody may be left to hear it, as when all servers stop at once.
			m.cfg.Log.Info("not all nodes may know that this one has left", "err", err)
		}
	}
	return m.list.Shutdown()
}

// gossipConfig returns memberlist's settings.
func (m *Membership) gossipConfig() (*memberlist.Config, error) {
	conf := memberlist.DefaultLANConfig()
	conf.Name = m.cfg.Node
	var err error
	if conf.BindAddr, conf.BindPort, err = SplitAddr(m.cfg.Bind); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	conf.AdvertisePort = conf.BindPort
	if m.cfg.Advertise != "" {
		if conf.AdvertiseAddr, conf.AdvertisePort, err = resolve(m.cfg.Advertise); err != nil {
			return nil, fmt.Errorf("advertise: %w", err)
		}
	}
	conf.ProbeInterval, conf.ProbeTimeout, conf.SuspicionMult = probeEvery, probeTime, suspicion
	// memberlist counts on others to confirm a suspicion, dead ones among them,
	// and would wait six times as long for them.
	conf.SuspicionMaxTimeoutMult = suspicionMax
	conf.TCPTimeout = 2 * time.Second
	conf.PushPullInterval = 10 * time.Second
	conf.GossipToTheDeadTime = 30 * time.Second
	conf.Label = "reddot/" + m.cfg.Cluster
	conf.SecretKey = m.cfg.GossipKey
	conf.Delegate, conf.Events = (*gossip)(m), (*gossip)(m)
	conf.LogOutput = logWriter{m.cfg.Log}
	if m.cfg.Transport != nil {
		if conf.Transport, err = m.cfg.Transport(conf); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

// gossip is a membership as memberlist sees it.
type gossip Membership

// NodeMeta implements memberlist.Delegate.
func (g *gossip) NodeMeta(int) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.meta
}

// NotifyMsg implements memberlist.Delegate.
func (g *gossip) NotifyMsg(b []byte) {
	if name, ok := strings.CutPrefix(string(b), fencedNote); ok && name == g.cfg.Node {
		g.host.Fail(errFenced)
	}
}

// GetBroadcasts implements memberlist.Delegate.
func (g *gossip) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (g *gossip) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (g *gossip) MergeRemoteState([]byte, bool) {}

// NotifyJoin implements memberlist.EventDelegate. The node is memberlist's,
// and may be read during the call only.
func (g *gossip) NotifyJoin(o *memberlist.Node) { g.note(o) }

// NotifyUpdate implements memberlist.EventDelegate.
func (g *gossip) NotifyUpdate(o *memberlist.Node) { g.note(o) }

// NotifyLeave implements memberlist.EventDelegate.
func (g *gossip) NotifyLeave(o *memberlist.Node) {
	g.mu.Lock()
	delete(g.seen, o.Name)
	g.mu.Unlock()
	(*Membership)(g).updateSoon()
}

func (g *gossip) note(o *memberlist.Node) {
	nb := neighbor{net.JoinHostPort(o.Addr.String(), strconv.Itoa(int(o.Port))), &wire.WireMember{}}
	if err := nb.meta.UnmarshalVT(o.Meta); err != nil {
		g.cfg.Log.Warn("a node's gossip about itself can't be read", "node", o.Name, "err", err)
	}
	g.mu.Lock()
	if g.seen[o.Name] = nb; nb.meta.Leaving {
		g.departing[o.Name] = true
	}
	g.mu.Unlock()
	(*Membership)(g).updateSoon()
}

// logWriter takes in what memberlist logs, a line at a time.
type logWriter struct{ log *slog.Logger }

// Write implements io.Writer.
func (w logWriter) Write(b []byte) (int, error) {
	line := strings.TrimSpace(string(b))
	if i := strings.Index(line, "["); i >= 0 {
		line = line[i:] // without memberlist's own time
	}
	w.log.Debug("gossip", "says", line)
	return len(b), nil
}
