package actors

import (
	"cmp"
	"slices"
	"strings"
)

// Elsewhere is the other nodes, as a node's topics see them. No method blocks;
// what is called back may be called at once.
type Elsewhere interface {
	// Announce lets all other nodes know what Topics.Announced returns. done is
	// called when all know it that can be reached; nil: nobody waits.
	Announce(done func())
	// Followed lets them know the record (FollowedKind) of a user; empty: there
	// is none any more.
	Followed(key Key, record []byte, done func())
	// Publish gives a message to the sessions that are connected to a node, or,
	// if share is not empty, to one of those that have this filter. done is
	// called with how many took it, or with Unavailable if that is not known;
	// nil: nobody waits.
	Publish(node string, m *TopicMessage, share string, done func(took int, err *Error))
}

// A HeldFilter says how many sessions that are connected to a node take part in what is
// published by a filter.
type HeldFilter struct {
	App, Filter string // with its share, if it has one
	N           int    // 0: none any more
}

// heldKey names a filter.
type heldKey struct{ app, filter string }

// farNode is another node in the tree, and how many sessions there have a filter.
type farNode struct {
	node string
	n    int
}

// Join lets the topics be part of those of all nodes. It is called before they
// are used.
func (t *Topics) Join(e Elsewhere) {
	t.Elsewhere = e
	t.held, t.changed, t.far = map[heldKey]int{}, map[heldKey]struct{}{}, map[string]map[heldKey]int{}
}

// hold counts a filter of a session that is connected here. The caller holds mu.
func (t *Topics) hold(app, filter string, by int) {
	if t.Elsewhere == nil {
		return
	}
	k := heldKey{app, filter}
	was := t.held[k]
	now := was + by
	if now == 0 {
		delete(t.held, k)
	} else {
		t.held[k] = now
	}
	if was == 0 || now == 0 || strings.HasPrefix(filter, "$share/") { // of others it matters only whether there are any
		t.changed[k] = struct{}{}
	}
}

// Announced returns what has changed since it was last called. Whoever calls it
// sees to it that the others hear of it in the same order.
func (t *Topics) Announced() []HeldFilter {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]HeldFilter, 0, len(t.changed))
	for k := range t.changed {
		list = append(list, HeldFilter{k.app, k.filter, t.held[k]})
	}
	clear(t.changed)
	return list
}

// Held returns all filters of the sessions that are connected here.
func (t *Topics) Held() []HeldFilter {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]HeldFilter, 0, len(t.held))
	for k, n := range t.held {
		list = append(list, HeldFilter{k.app, k.filter, n})
	}
	return list
}

// HeldBy takes in what another node has announced; anew says that there is no
// more than that.
func (t *Topics) HeldBy(node string, list []HeldFilter, anew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.far[node]
	if anew {
		for k := range all {
			t.place(node, k, 0)
		}
		all = nil
	}
	for _, h := range list {
		if h.App == "" || h.Filter == "" {
			continue
		}
		k := heldKey{h.App, h.Filter}
		t.place(node, k, h.N)
		if h.N == 0 {
			delete(all, k)
			continue
		}
		if all == nil {
			all = map[heldKey]int{}
		}
		all[k] = h.N
	}
	if t.far[node] = all; len(all) == 0 {
		delete(t.far, node)
	}
}

// place puts another node into the tree. The caller holds mu.
func (t *Topics) place(node string, k heldKey, n int) {
	group, filter, shared := SplitShare(k.filter)
	t.alter(k.app, filter, n > 0, func(at *topicNode) {
		if !shared {
			at.far = setFar(at.far, node, n)
			return
		}
		if n > 0 {
			g := at.share(group, k.filter)
			g.far = setFar(g.far, node, n)
			return
		}
		at.leave(group, nil, node)
	})
}

// setFar returns the list with the node's number; 0: without it.
func setFar(list []farNode, node string, n int) []farNode {
	i := slices.IndexFunc(list, func(f farNode) bool { return f.node == node })
	switch {
	case i >= 0 && n == 0:
		return slices.Delete(list, i, i+1)
	case i >= 0:
		list[i].n = n
	case n > 0:
		list = append(list, farNode{node, n})
	}
	return list
}

// sendTo is a message on its way to another node.
type sendTo struct{ node, share string }

// PublishHere gives a message that another node has to the sessions that are
// connected here, or, if share is not empty, to one of those that have this
// filter. done is called with how many took it. No lock may be held.
func (t *Topics) PublishHere(m *TopicMessage, share string, done func(took int, err *Error)) {
	a := newAudience()
	defer a.release()
	t.mu.RLock()
	if root := t.apps[m.App]; root != nil {
		a.nodes.match(root, m.Topic, anyLevel(m.Topic))
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
	p.left.Store(int32(len(a.users)) + 2)                                // #nosec G115 -- few
	p.took.Store(int32(a.local))                                         // #nosec G115 -- few
	p.took.Add(int32(t.handOut(a, m, func() { p.done(0, nil) }, false))) // #nosec G115 -- few
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	p.done(0, nil)
}

// sendFar gives the message to other nodes.
func (t *Topics) sendFar(m *TopicMessage, list []sendTo, p *publishing) {
	for _, f := range list {
		p.left.Add(1)
		t.Elsewhere.Publish(f.node, m, f.share, func(took int, err *Error) {
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
func (t *Topics) instead(m *TopicMessage, f sendTo, p *publishing) {
	group, rest, _ := SplitShare(f.share)
	a := newAudience()
	t.change(m.App, rest, false, func(n *topicNode) {
		for _, g := range n.shares {
			if g.group == group {
				g.far = setFar(g.far, f.node, 0)
				a.choose(g, m)
			}
		}
	})
	defer a.release()
	p.left.Add(int32(len(a.users))) // #nosec G115 -- at most one
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	t.sendFar(m, a.far, p)
	p.done(a.deliver(m), nil)
}

// Followers returns the users of some shards whose sessions outlive their
// connections.
func (t *Topics) Followers(shards *ShardSet) []Key {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Key
	for k := range t.follows {
		if shards.Has(ShardOf(k)) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, cmp.Compare[Key])
	return list
}
