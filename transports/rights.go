package transports

import (
	"slices"
	"strings"

	"reddot/actors"
)

// An Action is what a caller asks for, over any transport. Only this file decides
// what a caller may do (Principal.Can, MayRead, MayWrite), so that no transport is
// stricter than another.
type Action uint8

// The actions. Each is bounded further by whom the caller reaches
// (Principal.Reaches).
const (
	ToWatch      Action = iota // see an inbox, its counts and its events
	ToMark                     // change what was seen, read, archived or snoozed
	ToPublish                  // write, edit and retract messages
	ToSupport                  // look into one user, and disconnect it
	ToExplain                  // see why one user did or did not get a message
	ToBrowse                   // see what the app has: segments, templates
	ToAuthor                   // write it
	ToApprove                  // let what others wrote be sent
	ToAdminister               // keys and settings of the app
	ToOperate                  // what belongs to the server: the cluster, apps
	numKinds     = iota
)

// scopesOf names the scopes that allow an action to a server key: one of them
// is enough. The scope read never writes.
var scopesOf = [numKinds]Scopes{
	ToWatch: ScopeRead, ToMark: ScopePublish, ToPublish: ScopePublish,
	ToSupport: ScopeSupport | ScopeAdmin, ToExplain: ScopeSupport | ScopeAdmin,
	ToBrowse: ScopeRead | ScopeAuthor | ScopeApprove | ScopeAdmin, ToAuthor: ScopeAuthor | ScopeAdmin,
	ToApprove: ScopeApprove | ScopeAdmin, ToAdminister: ScopeAdmin, ToOperate: ScopeOperator,
}

// Can returns nil if the caller may do such a thing to those whom it reaches,
// else an actors.Error: Unauthorized for nobody, Forbidden for all others.
func (p *Principal) Can(a Action) error {
	switch {
	case p == nil || p.Kind == Nobody:
		return ErrNoCredential
	case p.Kind == Developer, p.IsUser() && (a == ToWatch || a == ToMark || a == ToExplain):
		return nil
	case p.IsUser():
		return actors.Errorf(actors.Forbidden, "a %s may not do that; it takes a server key with the scope %s", p.Kind, scopesOf[a].either())
	case p.Scopes&scopesOf[a] == 0:
		return actors.Errorf(actors.Forbidden, "this %s has not the scope %s", p.Kind, scopesOf[a].either())
	default:
		return nil
	}
}

// IsUser tells whether the caller is one user, and reaches no other.
func (p *Principal) IsUser() bool {
	return p.Kind == UserToken || p.Kind == Anonymous || p.Kind == PasswordUser
}

// MayRead tells whether the caller may subscribe, as the user, to the filter,
// without its share. By users/me/ there is the inbox alone: what else is there
// would be one topic of all users (FullTopic). Who is online is told to whoever sees
// all users, and to a user whose token names such topics.
func (p *Principal) MayRead(user, filter string) bool {
	if rest, me, ok := OwnTopic(filter, user); ok {
		if p.Can(ToWatch) != nil {
			return false
		}
		return !me || rest != "" && slices.ContainsFunc(InboxTopics[:], func(name string) bool { return actors.MatchTopic(rest, name) })
	}
	if strings.HasPrefix(filter, actors.PresenceTopics) && (p.Kind == Developer || !p.IsUser() && p.Can(ToWatch) == nil) {
		return true
	}
	return filter != "" && slices.ContainsFunc(p.Topics.Read, func(pattern string) bool { return covers(pattern, filter) })
}

// MayWrite tells whether the caller may publish, as the user, to the topic.
// Only the server publishes the topics of an inbox. Nobody publishes to a topic that
// begins with a $, which is private, or by users/me/, except what is read
// (FullTopic).
func (p *Principal) MayWrite(user, topic string) bool {
	if topic == "" || topic[0] == '$' {
		return false
	}
	if rest, me, ok := OwnTopic(topic, user); ok {
		return (p.IsUser() || p.Can(ToPublish) == nil) && !me && !slices.Contains(InboxTopics[:], rest)
	}
	return slices.ContainsFunc(p.Topics.Write, func(pattern string) bool { return actors.MatchTopic(pattern, topic) })
}
