package actors

import "testing"

// TestMatchTopic holds which filters match a topic [MQTT-4.7.1-1] [MQTT-4.7.1-2]
// [MQTT-4.7.2-1].
func TestMatchTopic(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/b", "A/b", false},
		{"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/", true}, {"a/+", "a/b/c", false}, {"+/b", "a/b", true}, {"+/b", "/b", true},
		{"+", "a", true}, {"+", "/a", false}, {"+/+", "/a", true}, {"/+", "/a", true}, {"a/+/c", "a/b/c", true}, {"a/+/c", "a//c", true},
		{"#", "a", true}, {"#", "a/b/c", true}, {"#", "/", true}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "ab", false}, {"a/b/#", "a", false},
		{"+/#", "a/b", true}, {"a//b", "a/b", false}, {"a/", "a", false},
		// What is the system's, and the users', is meant by name alone.
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true}, {"$SYS/+", "$SYS/x", true},
		{"#", "users/alice/messages", false}, {"+/alice/messages", "users/alice/messages", false}, {"users/+/messages", "users/alice/messages", true}, {"#", "users", true}, {"+", "users", true},
		{"a/#", "a/$b", true}, {"a/+", "a/users/", false}, {"a/+/x", "a/users/x", true},
	} {
		if got := MatchTopic(c.filter, c.topic); got != c.want {
			t.Errorf("%s matches %s: %v", c.filter, c.topic, got)
		}
	}
}

// A share has a group and a filter; what only looks like one is a filter.
func TestSplitShare(t *testing.T) {
	for filter, want := range map[string]struct {
		group, rest string
		shared      bool
	}{
		"$share/g/a/b": {"g", "a/b", true},
		"$share/g/#":   {"g", "#", true},
		"$share/g":     {"", "$share/g", false},
		"$shared/g/a":  {"", "$shared/g/a", false},
		"a/$share/g/b": {"", "a/$share/g/b", false},
		"a/b":          {"", "a/b", false},
	} {
		group, rest, shared := SplitShare(filter)
		if group != want.group || rest != want.rest || shared != want.shared {
			t.Errorf("%s: got %q, %q, %v", filter, group, rest, shared)
		}
	}
	for filter, want := range map[string]bool{"a/b": false, "": false, "a/+": true, "#": true} {
		if Wild(filter) != want {
			t.Errorf("%q: wild is %v", filter, !want)
		}
	}
}

// A message is retained until it expires or is too old, whichever comes first.
func TestRetainedMessageIsOver(t *testing.T) {
	l := &Limits{RetainedLimits: RetainedLimits{RetainedAge: 1000e6}} // one second
	for name, c := range map[string]struct {
		m    *TopicMessage
		now  int64
		want bool
	}{
		"young":                  {&TopicMessage{At: 5000}, 6000, false},
		"too old":                {&TopicMessage{At: 5000}, 6001, true},
		"before its expiry":      {&TopicMessage{At: 5000, ExpiresAt: 5500}, 5499, false},
		"at its expiry":          {&TopicMessage{At: 5000, ExpiresAt: 5500}, 5500, true},
		"too old, not expired":   {&TopicMessage{At: 5000, ExpiresAt: 9000}, 6001, true},
		"of a time not known":    {&TopicMessage{}, 1 << 50, false},
		"expired, of no time":    {&TopicMessage{ExpiresAt: 5500}, 5500, true},
		"the clock stepped back": {&TopicMessage{At: 5000}, 100, false},
	} {
		if got := c.m.IsOver(c.now, l); got != c.want {
			t.Errorf("%s: over is %v", name, got)
		}
	}
}

// A record of an interest is written anew for what matters, and for sizes that have
// drifted far.
func TestInterestIsEqual(t *testing.T) {
	i := Interest{Filters: []string{"a"}, Shares: []SharedInterest{{"c", "$share/g/b"}}, Any: true, Seq: 4, Sessions: 2, Size: 100_000}
	same := i
	same.Seq, same.Size = 9, 100_000-sizeStep+1
	if !i.Equal(&same) || !same.Equal(&i) {
		t.Error("a later event, and a few bytes less, make a difference")
	}
	for name, change := range map[string]func(*Interest){
		"filters":  func(i *Interest) { i.Filters = []string{"a", "b"} },
		"shares":   func(i *Interest) { i.Shares = nil },
		"any":      func(i *Interest) { i.Any = false },
		"sessions": func(i *Interest) { i.Sessions++ },
		"grown":    func(i *Interest) { i.Size += sizeStep },
		"shrunk":   func(i *Interest) { i.Size -= sizeStep },
	} {
		other := i
		if change(&other); i.Equal(&other) || other.Equal(&i) {
			t.Errorf("%s: makes no difference", name)
		}
	}
}
