package actors

import (
	"slices"
	"strings"
)

// The tree of the filters of one node and app, a level of a filter at a time.

// TopicSubscription is one filter of a session whose connection is here. It
// is not changed once it is in the tree.
type TopicSubscription struct {
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

// SplitShare splits the filter of a shared subscription, $share/{group}/{rest},
// in two; shared is false, and rest the whole filter, if it is none.
func SplitShare(filter string) (group, rest string, shared bool) {
	if after, ok := strings.CutPrefix(filter, "$share/"); ok {
		if group, rest, ok = strings.Cut(after, "/"); ok {
			return group, rest, true
		}
	}
	return "", filter, false
}

// InboxTopics begin the topics of users, and privateTopics those that no
// publisher reaches: wildcards at the first level match neither.
const (
	InboxTopics   = "users/"
	privateTopics = "$"
)

// anyLevel tells whether a wildcard may stand for the topic's first level.
func anyLevel(topic string) bool {
	return !strings.HasPrefix(topic, privateTopics) && !strings.HasPrefix(topic, InboxTopics)
}

// MatchTopic tells whether a filter without a share matches a topic.
func MatchTopic(filter, topic string) bool {
	if (filter[0] == '#' || filter[0] == '+') && !anyLevel(topic) {
		return false
	}
	for {
		f, fs, fMore := strings.Cut(filter, "/")
		l, ls, lMore := strings.Cut(topic, "/")
		switch {
		case f == "#":
			return true
		case f != "+" && f != l:
			return false
		case !fMore && !lMore:
			return true
		case !lMore:
			return fs == "#" // "a/#" matches "a", too
		case !fMore:
			return false
		}
		filter, topic = fs, ls
	}
}

// topicNode is one level of the tree.
type topicNode struct {
	below  map[string]*topicNode
	subs   []*TopicSubscription
	far    []farNode // with sessions that have the filter
	users  []Key     // of users for whose sessions messages may come to wait
	shares []*topicShare
}

// topicShare is a shared subscription and who shares it.
type topicShare struct {
	group  string
	filter string // whole
	all    []ShareMember
	far    []farNode // where others are connected
	next   uint32
}

// ShareMember is a session that shares a subscription: one that is connected
// here, or one that waits at its user.
type ShareMember struct {
	sub    *TopicSubscription // nil: it is not connected
	User   Key                // of one that outlives its connection
	Client string
}

func (n *topicNode) empty() bool {
	return len(n.below) == 0 && len(n.subs) == 0 && len(n.far) == 0 && len(n.users) == 0 && len(n.shares) == 0
}

// at returns the node of a filter, which it makes if there is none.
func (n *topicNode) at(filter string) *topicNode {
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		child := n.below[level]
		if child == nil {
			if n.below == nil {
				n.below = map[string]*topicNode{}
			}
			child = &topicNode{}
			n.below[strings.Clone(level)] = child
		}
		n = child
	}
	return n
}

// edit changes the node of a filter, and drops what is empty afterwards.
func (n *topicNode) edit(filter string, change func(*topicNode)) {
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
func (n *topicNode) share(group, filter string) *topicShare {
	for _, s := range n.shares {
		if s.group == group {
			return s
		}
	}
	s := &topicShare{group: group, filter: filter}
	n.shares = append(n.shares, s)
	return s
}

// leave takes the members that match, or another node, out of a group.
func (n *topicNode) leave(group string, match func(ShareMember) bool, node string) {
	n.shares = slices.DeleteFunc(n.shares, func(s *topicShare) bool {
		if s.group == group {
			if match != nil {
				s.all = slices.DeleteFunc(s.all, match)
			}
			s.far = setFar(s.far, node, 0)
		}
		return len(s.all)+len(s.far) == 0
	})
}

// matched are the nodes whose filters match a topic.
type matched []*topicNode

// match adds the nodes below n that match the rest of a topic.
func (m *matched) match(n *topicNode, topic string, wild bool) {
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

func (m *matched) enter(n *topicNode, rest string, more bool) {
	switch {
	case n == nil:
	case more:
		m.match(n, rest, true)
	default:
		m.add(n)
		m.add(n.below["#"]) // "a/#" matches "a", too
	}
}

func (m *matched) add(n *topicNode) {
	if n != nil {
		*m = append(*m, n)
	}
}
