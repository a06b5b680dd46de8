package cluster

import (
	"context"
	"time"
)

// How a node begins and ceases to own shards.

// takesPart tells whether this node owns shards, or may.
func (m *membership) takesPart() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owning
}

// takePart says, once, that this node knows who the others are and owns its
// share from now on. Until then nobody gives it any: who has just started can't
// tell for two seconds whose signs in the store are a dead node's.
func (m *membership) takePart() (first bool) {
	m.mu.Lock()
	first = !m.owning
	m.owning = true
	m.mu.Unlock()
	if first {
		if err := m.setMeta(false); err != nil {
			m.node.cfg.Log.Error("gossip about this node can't be made", "err", err)
		}
		m.node.spawn(func() {
			if err := m.list.UpdateNode(leaveTime); err != nil {
				m.node.cfg.Log.Warn("not all nodes may know that this one takes part", "err", err)
			}
		})
	}
	return first
}

// leave says that this node hands its shards over.
func (m *membership) leave(ctx context.Context) error {
	if err := m.setMeta(true); err != nil {
		return err
	}
	m.signs.leaving.Store(true)
	timeout := leaveTime
	if late, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(late))
	}
	err := m.list.UpdateNode(timeout)
	m.kick()
	return err
}
