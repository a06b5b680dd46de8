package topic

import (
	"reddot/actors"

	"cmp"
	"slices"
	"strings"
)

// Nodes is the other nodes of the cluster. No method blocks; what is called back may
// be called at once.
type Nodes interface {
	// Announce lets all other nodes know what Broker.Changed returns. done is called
	// when all know it that can be reached; nil: nobody waits.
	Announce(done func())
	// Interest lets them know the record (actors.InterestKind) of a user; empty: there
	// is none any more.
	Interest(user actors.Key, record []byte, done func())
	// Publish gives a message to the sessions that are connected to a node, or, if
	// share is not empty, to one of those that have this filter. done is called with
	// how many took it, or with Unavailable if that is not known; nil: nobody waits.
	Publish(node string, m *actors.TopicMessage, share string, done func(took int, err *actors.Error))
}

// A FilterCount says how many sessions that are connected to a node take part in what is
// published by a filter.
type FilterCount struct {
	App, Filter string // with its share, if it has one
	N           int    // 0: none any more
}

// filterKey names a filter.
type filterKey struct{ app, filter string }

// otherNode is another node in the tree, and how many sessions there have a filter.
type otherNode struct {
	node string
	n    int
}

// Join lets the topics be part of those of all nodes. It is called before they
// are used.
func (t *Broker) Join(nodes Nodes) {
	t.nodes = nodes
	t.counts, t.changes, t.others = map[filterKey]int{}, map[filterKey]struct{}{}, map[string]map[filterKey]int{}
}

// count counts a filter of a session that is connected here. The caller holds mu.
func (t *Broker) count(app, filter string, by int) {
	if t.nodes == nil {
		return
	}
	k := filterKey{app, filter}
	was := t.counts[k]
	now := was + by
	if now == 0 {
		delete(t.counts, k)
	} else {
		t.counts[k] = now
	}
	if was == 0 || now == 0 || strings.HasPrefix(filter, "$share/") { // of others it matters only whether there are any
		t.changes[k] = struct{}{}
	}
}

// Changed returns what has changed since it was last called. Whoever calls it
// sees to it that the others hear of it in the same order.
func (t *Broker) Changed() []FilterCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]FilterCount, 0, len(t.changes))
	for k := range t.changes {
		list = append(list, FilterCount{k.app, k.filter, t.counts[k]})
	}
	clear(t.changes)
	return list
}

// Filters returns all filters of the sessions that are connected here.
func (t *Broker) Filters() []FilterCount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]FilterCount, 0, len(t.counts))
	for k, n := range t.counts {
		list = append(list, FilterCount{k.app, k.filter, n})
	}
	return list
}

// SetOther takes in what another node has announced; anew says that there is no
// more than that.
func (t *Broker) SetOther(node string, list []FilterCount, anew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.others[node]
	if anew {
		for k := range all {
			t.setOtherLocked(node, k, 0)
		}
		all = nil
	}
	for _, h := range list {
		if h.App == "" || h.Filter == "" {
			continue
		}
		k := filterKey{h.App, h.Filter}
		t.setOtherLocked(node, k, h.N)
		if h.N == 0 {
			delete(all, k)
			continue
		}
		if all == nil {
			all = map[filterKey]int{}
		}
		all[k] = h.N
	}
	if t.others[node] = all; len(all) == 0 {
		delete(t.others, node)
	}
}

// setOtherLocked puts another node into the tree. The caller holds mu.
func (t *Broker) setOtherLocked(name string, k filterKey, n int) {
	group, filter, shared := actors.SplitShare(k.filter)
	t.editLocked(k.app, filter, n > 0, func(at *node) {
		if !shared {
			at.others = withNode(at.others, name, n)
			return
		}
		if n > 0 {
			g := at.share(group, k.filter)
			g.others = withNode(g.others, name, n)
			return
		}
		at.leave(group, nil, name)
	})
}

// withNode returns the list with the node's number; 0: without it.
func withNode(list []otherNode, node string, n int) []otherNode {
	i := slices.IndexFunc(list, func(f otherNode) bool { return f.node == node })
	switch {
	case i >= 0 && n == 0:
		return slices.Delete(list, i, i+1)
	case i >= 0:
		list[i].n = n
	case n > 0:
		list = append(list, otherNode{node, n})
	}
	return list
}

// A nodeShare is a message on its way to another node.
type nodeShare struct{ node, share string }

// PublishHere gives a message that another node has to the sessions that are
// connected here, or, if share is not empty, to one of those that have this
// filter. done is called with how many took it. No lock may be held.
func (t *Broker) PublishHere(m *actors.TopicMessage, share string, done func(took int, err *actors.Error)) {
	a := newAudience()
	defer a.release()
	t.mu.RLock()
	if root := t.apps[m.App]; root != nil {
		a.nodes.match(root, m.Topic, actors.AnyLevel(m.Topic))
	}
	for _, n := range a.nodes {
		if share == "" {
			a.direct(n, m)
			continue
		}
		for _, g := range n.shares {
			if g.filter == share {
				a.chooseHere(g, m)
			}
		}
	}
	t.mu.RUnlock()
	if m.Qos == 0 {
		done(a.local+t.handOut(a, m, nil, true), nil)
		return
	}
	p := &publishing{end: func(p *publishing) { done(int(p.took.Load()), p.err.Load()) }}
	p.left.Store(int32(len(a.users)) + 2)
	p.took.Store(int32(a.local))
	p.took.Add(int32(t.handOut(a, m, func() { p.done(0, nil) }, false)))
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	p.done(0, nil)
}

// sendOthers gives the message to other nodes.
func (t *Broker) sendOthers(m *actors.TopicMessage, list []nodeShare, p *publishing) {
	for _, f := range list {
		p.left.Add(1)
		t.nodes.Publish(f.node, m, f.share, func(took int, err *actors.Error) {
			if f.share != "" && took == 0 && (err == nil || m.Qos < 2) && m.Qos > 0 {
				t.instead(m, f, p) // those there have just gone
				return
			}
			p.done(took, err)
		})
	}
}

// instead gives a message by a shared subscription to another than the node
// that has nobody for it any more. The node is left out until it says otherwise.
func (t *Broker) instead(m *actors.TopicMessage, f nodeShare, p *publishing) {
	group, rest, _ := actors.SplitShare(f.share)
	a := newAudience()
	t.edit(m.App, rest, false, func(n *node) {
		for _, g := range n.shares {
			if g.group == group {
				g.others = withNode(g.others, f.node, 0)
				a.choose(g, m)
			}
		}
	})
	defer a.release()
	p.left.Add(int32(len(a.users)))
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	t.sendOthers(m, a.others, p)
	p.done(a.deliver(m), nil)
}

// Users returns the users of some shards whose sessions outlive their
// connections.
func (t *Broker) Users(shards *actors.ShardSet) []actors.Key {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []actors.Key
	for k := range t.interests {
		if shards.Has(actors.ShardOf(k)) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, cmp.Compare[actors.Key])
	return list
}
