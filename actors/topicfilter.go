package actors

import "strings"

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

// InboxTopics begin the topics of users, and privateTopics those that the server
// alone publishes: wildcards at the first level match neither. PresenceTopics begin
// those that tell who is online.
const (
	InboxTopics    = "users/"
	PresenceTopics = "$presence/"
	privateTopics  = "$"
)

// AnyLevel tells whether a wildcard may stand for the topic's first level.
func AnyLevel(topic string) bool {
	return !strings.HasPrefix(topic, privateTopics) && !strings.HasPrefix(topic, InboxTopics)
}

// MatchTopic tells whether a filter without a share matches a topic.
func MatchTopic(filter, topic string) bool {
	if (filter[0] == '#' || filter[0] == '+') && !AnyLevel(topic) {
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

// Wild tells whether a filter has a wildcard.
func Wild(filter string) bool { return strings.ContainsAny(filter, "+#") }
