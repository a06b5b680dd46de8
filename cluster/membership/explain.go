package membership

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/cluster/wire"
)

// Why nodes are not together: each says of its links that do not speak what it
// knows, to itself and to the other side.

// maxWhy bounds what a sign says of one link, in bytes.
const maxWhy = 256

// A reason is why a link does not speak.
type reason struct {
	public string // for everybody: what to look at
	inner  string // for logs: addresses and errors
}

// full returns both, within a bound in bytes.
func (r reason) full(most int) string {
	s := r.public
	if r.inner != "" {
		s += " (" + r.inner + ")"
	}
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

// A Mismatch is a difference between two nodes by which they can't be one cluster.
type Mismatch string

// Error implements error.
func (m Mismatch) Error() string { return string(m) }

// whyNot returns why the link to a node does not speak.
func (m *Membership) whyNot(name string) reason {
	w := m.signs.sign(name)
	if w != nil && w.Announces {
		if err := m.mismatch(name, w); err != nil {
			return reason{public: err.Error()}
		}
	}
	p := m.peer(name)
	if p == nil {
		return m.noGossip(name)
	}
	var differs Mismatch
	err := p.Failure()
	if errors.As(err, &differs) {
		return reason{public: differs.Error()}
	}
	r := reason{public: fmt.Sprintf("the link to %s does not speak: look at cluster.advertise_peers (else the host of cluster.advertise), here and there, and let the port of cluster.peers through, TCP, both ways", name), inner: p.Addr()}
	if err != nil {
		r.inner += ": " + err.Error()
	}
	return r
}

// mismatch tells by what a node that uses the same store can't be of the same
// cluster; nil: by nothing.
func (m *Membership) mismatch(name string, w *wire.WireSign) error {
	switch {
	case w.Cluster != m.cfg.Cluster:
		return Mismatch(fmt.Sprintf("cluster.name is %q here and %q on %s, which uses the same database: give both the same name, or a database of its own to each", m.cfg.Cluster, w.Cluster, name))
	case !bytes.Equal(w.Key, m.cfg.KeyPrint):
		return Mismatch(fmt.Sprintf("cluster.key is another one here than on %s, which uses the same database: give both the same", name))
	}
	return nil
}

// apart says why this node does not own shards while others do; nil: its links
// to them speak.
func (m *Membership) apart(owners []string) *actors.Error {
	missing, whys, inner := []string(nil), []string(nil), []string(nil)
	for _, name := range owners {
		theirs := announced(m.signs.sign(name), m.cfg.Node)
		if name == m.cfg.Node || m.links.up(name) && theirs.GetState() == wire.TieState_TIE_HOLDS {
			continue
		}
		missing = append(missing, name)
		r := m.whyNot(name)
		if !slices.Contains(whys, r.public) {
			whys = append(whys, r.public)
		}
		inner = append(inner, r.inner)
		if theirs.GetWhy() != "" {
			inner = append(inner, fmt.Sprintf("%s says: %s", name, theirs.Why))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	const most = 3 // are told
	return &actors.Error{
		Code: actors.Unavailable,
		Detail: fmt.Sprintf("this node can't reach %d of the cluster's nodes (%s), and they go on without it; try another one; %s",
			len(missing), strings.Join(missing[:min(most, len(missing))], ", "), strings.Join(whys[:min(most, len(whys))], "; ")),
		Cause: errors.New(strings.Join(inner[:min(2*most, len(inner))], "; ")),
	}
}
