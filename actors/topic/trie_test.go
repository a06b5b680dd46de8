package topic

import (
	"slices"
	"testing"

	"reddot/actors"
)

func TestMatchTopic(t *testing.T) {
	for _, test := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/+", "a/b", true}, {"a/+", "a", false}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"+/+", "/x", true},
		{"#", "$x", false}, {"$x/#", "$x/y", true}, {"#", "users/bob/counts", false}, {"+/bob/counts", "users/bob/counts", false},
		{"users/+/counts", "users/bob/counts", true}, {"a", "b", false}, {"a/b", "a", false}, {"+", "a/b", false},
	} {
		if got := actors.MatchTopic(test.filter, test.topic); got != test.want {
			t.Errorf("%q and %q: got %v", test.filter, test.topic, got)
		}
		root := &node{}
		root.at(test.filter).users = []actors.Key{"u"}
		var m matched
		m.match(root, test.topic, actors.AnyLevel(test.topic))
		if got := slices.ContainsFunc(m, func(n *node) bool { return len(n.users) > 0 }); got != test.want {
			t.Errorf("the tree, %q and %q: got %v", test.filter, test.topic, got)
		}
		root.edit(test.filter, func(n *node) { n.users = nil })
		if !root.empty() {
			t.Errorf("%q: the tree is not empty again", test.filter)
		}
	}
}
