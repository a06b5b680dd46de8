package membership

import (
	"context"
	"time"

	"reddot/actors"
)

// How a node begins and ceases to own shards.

// ready tells whether this node knows with whom it is: it has joined others,
// or has looked for them long enough.
func (m *Membership) ready(list []member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = m.joined || len(list) > 1 || m.signs.alone()
	return m.joined
}

// ownsShards tells whether this node owns shards, or may.
func (m *Membership) ownsShards() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takesPart
}

// takePart says, once, that this node knows who the others are and owns its
// share from now on. Until then nobody gives it any: who has just started can't
// tell for two seconds whose signs in the store are a dead node's.
func (m *Membership) takePart() (first bool) {
	m.mu.Lock()
	first = !m.takesPart
	m.takesPart = true
	m.mu.Unlock()
	if first {
		if err := m.setMeta(false); err != nil {
			m.cfg.Log.Error("gossip about this node can't be made", "err", err)
		}
		m.host.Spawn(func() {
			if err := m.list.UpdateNode(leaveTime); err != nil {
				m.cfg.Log.Warn("not all nodes may know that this one takes part", "err", err)
			}
		})
	}
	return first
}

// Leave says that this node hands its shards over.
func (m *Membership) Leave(ctx context.Context) error {
	if err := m.setMeta(true); err != nil {
		return err
	}
	m.signs.leaving.Store(true)
	timeout := leaveTime
	if late, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(late))
	}
	err := m.list.UpdateNode(timeout)
	m.updateSoon()
	return err
}

var (
	errJoining    = actors.Errorf(actors.Unavailable, "it has not joined the others yet")
	errComingBack = actors.Errorf(actors.Unavailable, "this node had lost its links, and the others go on without it until they have all seen that it is back; try another one")
)

// Waiting says why this node, which has owned nothing yet, owns nothing now.
func (m *Membership) Waiting() *actors.Error {
	if why := m.waiting.Load(); why != nil {
		return why
	}
	return errJoining
}

// explainWait finds out what Waiting says.
func (m *Membership) explainWait(d decision) {
	why := d.why
	if why == nil {
		owners := d.owners
		if len(owners) == 0 {
			owners = m.Living()
		}
		if why = m.apart(owners); why == nil || time.Since(m.started) < patience {
			why = errJoining
		}
	}
	m.waiting.Store(why)
	if why != errJoining {
		if _, ok := m.waitLog.Allow(); ok {
			m.cfg.Log.Error("this node owns no users yet", "err", why)
		}
	}
}
