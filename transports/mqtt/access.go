package mqtt

import (
	"slices"
	"strings"

	"reddot/actors"
	"reddot/transports"
)

// usersPrefix begins the topics of users.
const usersPrefix = "users/"

// covers tells whether every topic that a filter matches is matched by a
// pattern of a token.
func covers(pattern, filter string) bool {
	if (pattern[0] == '#' || pattern[0] == '+') && (filter[0] == '$' || strings.HasPrefix(filter, usersPrefix)) {
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

// own returns what follows users/{user}/ in a topic or a filter, for the user
// and for what stands for him.
func own(topic, user string) (rest string, me, ok bool) {
	rest, ok = strings.CutPrefix(topic, usersPrefix)
	if !ok {
		return "", false, false
	}
	name, rest, more := strings.Cut(rest, "/")
	if !more || name != user && name != transports.Me {
		return "", false, false
	}
	return rest, name == transports.Me, true
}

// mayRead tells whether the caller may subscribe to the filter, without its
// share.
func mayRead(caller *transports.Principal, user, filter string) bool {
	if _, _, ok := own(filter, user); ok {
		return true
	}
	return slices.ContainsFunc(caller.Topics.Read, func(p string) bool { return covers(p, filter) })
}

// mayWrite tells whether the caller may publish to the topic. What is private
// begins with a $, and nobody publishes there.
func mayWrite(caller *transports.Principal, user, topic string) bool {
	if topic[0] == '$' {
		return false
	}
	if rest, _, ok := own(topic, user); ok {
		return !slices.Contains(inboxTopicNames[:], rest)
	}
	return slices.ContainsFunc(caller.Topics.Write, func(p string) bool { return actors.MatchTopic(p, topic) })
}

// inboxOf returns which topics of the user's inbox a filter matches, as bits,
// and whether it names the user by me.
func inboxOf(filter, user string) (mask uint8, me bool) {
	rest, me, ok := own(filter, user)
	if !ok || rest == "" {
		return 0, false
	}
	for i, name := range inboxTopicNames {
		if actors.MatchTopic(rest, name) {
			mask |= 1 << i
		}
	}
	return mask, me
}
