package membership

import (
	"errors"
	"maps"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
)

// Who is declared dead, and is told so if it lives all the same.

// errFenced ends a node that was away too long.
var errFenced = errors.New("fenced out: the other nodes took this one for dead and have taken its users over, as when it froze or was cut off; it ends, so that no count forks; start it again and it joins anew")

// fencedNote begins what a node is told that was taken for dead.
const fencedNote = "fenced "

// fencedEvery is how often it is told.
const fencedEvery = 2 * time.Second

// SilenceLimit is after how much silence a node is found to be gone: its link is
// given up, and if it leaves no signs in the store either it is declared dead.
const SilenceLimit = 3 * time.Second

// gone returns the names of those who do not live any more, or only to leave,
// though their signs may be fresh.
func (m *Membership) gone() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := maps.Clone(m.dead)
	maps.Copy(gone, m.departing)
	return gone
}

// banned tells whether a node was taken for dead, or has left.
func (m *Membership) banned(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead[name] || m.removed[name]
}

// declareDead says that a node is dead, though gossip may not know yet.
func (m *Membership) declareDead(name, why string) {
	m.mu.Lock()
	m.dead[name] = true
	m.mu.Unlock()
	m.cfg.Log.Warn("a node is taken for dead", "node", name, "why", why)
	m.updateSoon()
}

// findSilent declares those dead who neither speak over their link nor leave signs
// in the store: they have stopped, or stand still.
func (m *Membership) findSilent() {
	for _, p := range m.host.Peers() {
		if name := p.Name(); p.Silent() > SilenceLimit && !m.banned(name) && m.signs.stale(name) {
			m.declareDead(name, "its link is silent, and it leaves no sign of life in the store")
		}
	}
}

// Exited is told that a node's process has ended.
func (m *Membership) Exited(name, why string) {
	m.mu.Lock()
	m.exited[name] = true
	m.mu.Unlock()
	m.declareDead(name, why)
}

// hasExited tells whether a node's process is known to have ended.
func (m *Membership) hasExited(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exited[name]
}

// Refused is told that a node was refused a link, since it is no member. If it was
// taken for dead it is told so.
func (m *Membership) Refused(name string) {
	if m.banned(name) {
		m.fence(name)
	}
}

// fence tells a node that it was taken for dead, unless it leaves anyway.
func (m *Membership) fence(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.seen[name]
	if !ok || o.meta.Leaving || m.leaving || time.Since(m.fencedAt[name]) < fencedEvery {
		return
	}
	m.fencedAt[name] = time.Now()
	host, port, err := SplitAddr(o.addr)
	if err != nil {
		return
	}
	to := &memberlist.Node{Name: name, Addr: net.ParseIP(host), Port: uint16(port)}
	m.host.Spawn(func() {
		if err := m.list.SendReliable(to, []byte(fencedNote+name)); err != nil {
			m.cfg.Log.Debug("a node can't be told that it is out", "node", name, "err", err)
		}
	})
}

// fenceAll tells all whom gossip has and who are banned.
func (m *Membership) fenceAll() {
	m.mu.Lock()
	var list []string
	for name := range m.seen {
		if m.dead[name] || m.removed[name] {
			list = append(list, name)
		}
	}
	m.mu.Unlock()
	for _, name := range list {
		m.fence(name)
	}
}
