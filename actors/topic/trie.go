package topic

import (
	"slices"
	"strings"

	"reddot/actors"
)

// The tree of the filters of one node and app, a level of a filter at a time.

// Subscription is one filter of a session whose connection is here. It
// is not changed once it is in the tree.
type Subscription struct {
	Filter      string // with its share, if it has one
	ID          uint32 // the client's own number for it; 0: none
	QoS         uint8
	NoLocal     bool // nothing that the session itself has published
	AsPublished bool // the retain flag stays as it was published
	// Durable says that the session outlives its connection: what it is to get
	// more than at most once reaches it by its user's journal.
	Durable    bool
	Subscriber Subscriber
}

// node is one level of the tree.
type node struct {
	below  map[string]*node
	subs   []*Subscription
	others []otherNode  // with sessions that have the filter
	users  []actors.Key // of users for whose sessions messages may come to wait
	shares []*share
}

// share is a shared subscription and who shares it.
type share struct {
	group  string
	filter string // whole
	all    []member
	others []otherNode // where others are connected
	next   uint32
}

// A member is a session that shares a subscription: one that is connected here, or
// one that waits at its user.
type member struct {
	actors.ShareMember
	sub *Subscription // nil: it is not connected
}

func (n *node) empty() bool {
	return len(n.below) == 0 && len(n.subs) == 0 && len(n.others) == 0 && len(n.users) == 0 && len(n.shares) == 0
}

// at returns the node of a filter, which it makes if there is none.
func (n *node) at(filter string) *node {
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		child := n.below[level]
		if child == nil {
			if n.below == nil {
				n.below = map[string]*node{}
			}
			child = &node{}
			n.below[strings.Clone(level)] = child
		}
		n = child
	}
	return n
}

// edit changes the node of a filter, and drops what is empty afterwards.
func (n *node) edit(filter string, change func(*node)) {
	level, rest, more := strings.Cut(filter, "/")
	child := n.below[level]
	if child == nil {
		return
	}
	if more {
		child.edit(rest, change)
	} else {
		change(child)
	}
	if child.empty() {
		if delete(n.below, level); len(n.below) == 0 {
			n.below = nil
		}
	}
}

// share returns the share of a group, which it makes if there is none.
func (n *node) share(group, filter string) *share {
	for _, s := range n.shares {
		if s.group == group {
			return s
		}
	}
	s := &share{group: group, filter: filter}
	n.shares = append(n.shares, s)
	return s
}

// leave takes the members that match, or another node, out of a group.
func (n *node) leave(group string, match func(member) bool, node string) {
	n.shares = slices.DeleteFunc(n.shares, func(s *share) bool {
		if s.group == group {
			if match != nil {
				s.all = slices.DeleteFunc(s.all, match)
			}
			s.others = withNode(s.others, node, 0)
		}
		return len(s.all)+len(s.others) == 0
	})
}

// matched are the nodes whose filters match a topic.
type matched []*node

// match adds the nodes below n that match the rest of a topic.
func (m *matched) match(n *node, topic string, wild bool) {
	if len(n.below) == 0 {
		return
	}
	level, rest, more := strings.Cut(topic, "/")
	if wild {
		m.add(n.below["#"])
		m.enter(n.below["+"], rest, more)
	}
	m.enter(n.below[level], rest, more)
}

func (m *matched) enter(n *node, rest string, more bool) {
	switch {
	case n == nil:
	case more:
		m.match(n, rest, true)
	default:
		m.add(n)
		m.add(n.below["#"]) // "a/#" matches "a", too
	}
}

func (m *matched) add(n *node) {
	if n != nil {
		*m = append(*m, n)
	}
}
