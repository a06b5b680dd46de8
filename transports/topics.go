package transports

import (
	"slices"
	"strings"

	"reddot/actors"
)

// covers tells whether every topic that a filter matches is matched by a
// pattern of a token. Nobody publishes to what begins with a $, so whoever may
// read all may ask for that.
func covers(pattern, filter string) bool {
	if pattern == "#" && filter[0] == '$' {
		return true
	}
	if (pattern[0] == '#' || pattern[0] == '+') && (filter[0] == '$' || strings.HasPrefix(filter, UsersTopics)) {
		return false
	}
	for {
		p, ps, pMore := strings.Cut(pattern, "/")
		f, fs, fMore := strings.Cut(filter, "/")
		switch {
		case p == "#":
			return true
		case f == "#", p != "+" && p != f:
			return false
		case !pMore && !fMore:
			return true
		case !fMore:
			return ps == "#"
		case !pMore:
			return false
		}
		pattern, filter = ps, fs
	}
}

// OwnTopic returns what follows users/{user}/ in a topic or a filter, for the user
// and for what stands for him.
func OwnTopic(topic, user string) (rest string, me, ok bool) {
	rest, ok = strings.CutPrefix(topic, UsersTopics)
	if !ok {
		return "", false, false
	}
	name, rest, more := strings.Cut(rest, "/")
	if !more || name != user && name != Me {
		return "", false, false
	}
	return rest, name == Me, true
}

// MayRead tells whether the caller may subscribe, as the user, to the filter,
// without its share.
func (p *Principal) MayRead(user, filter string) bool {
	if _, _, ok := OwnTopic(filter, user); ok {
		return true
	}
	return filter != "" && slices.ContainsFunc(p.Topics.Read, func(pattern string) bool { return covers(pattern, filter) })
}

// MayWrite tells whether the caller may publish, as the user, to the topic.
// What the server itself tells of an inbox nobody else may tell, and what is
// private begins with a $, and nobody publishes there.
func (p *Principal) MayWrite(user, topic string) bool {
	if topic == "" || topic[0] == '$' {
		return false
	}
	if rest, _, ok := OwnTopic(topic, user); ok {
		return !slices.Contains(InboxTopics[:], rest)
	}
	return slices.ContainsFunc(p.Topics.Write, func(pattern string) bool { return actors.MatchTopic(pattern, topic) })
}

// InboxTopics are the topics of a user's inbox, behind users/{user}/.
var InboxTopics = [...]string{"messages", "counts", "events"}

// UsersTopics begins the topics of users. Wildcards at the first level do not
// match it.
const UsersTopics = "users/"
