package actors

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Presence asks whether a user is connected. Answers Body: a JSON object with
// "online", "visible", "transports" and, where it is known, "last_seen".
type Presence struct{}

// An Unwoken command is answered for an actor that sleeps without waking it.
type Unwoken interface {
	Command
	// AnswerAsleep answers r for the actor, which is awake nowhere. It may block.
	AnswerAsleep(h *Home, r *Request)
}

var _ Unwoken = (*Presence)(nil)

// Weight implements Command.
func (*Presence) Weight() int { return 0 }

// AnswerAsleep implements Unwoken: who has a connection is awake.
func (*Presence) AnswerAsleep(h *Home, r *Request) {
	seen, err := h.LastSeen(context.Background(), r.Key)
	if err != nil {
		r.Fail(AsError(err))
		return
	}
	r.Answer.Body = AppendPresence(nil, nil, seen)
	r.Respond()
}

// AppendPresence appends what is told of a user with these connections, who
// was last seen at a time (unix milliseconds); 0: never, as far as is known.
func AppendPresence(b []byte, conns []ConnInfo, seen int64) []byte {
	var names []string
	for i := range conns {
		if t := conns[i].Transport; t != "" && !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	slices.Sort(names)
	b = strconv.AppendBool(append(b, `{"online":`...), len(conns) > 0)
	b = strconv.AppendBool(append(b, `,"visible":`...), slices.ContainsFunc(conns, func(c ConnInfo) bool { return c.Visible }))
	b = append(b, `,"transports":[`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, name)
	}
	return append(AppendTimeMember(append(b, ']'), `,"last_seen":`, seen), '}')
}

// seenKind is the kind of the records of when users were last connected, unix
// milliseconds in decimal; the keys are those of the users. One is written with
// the marks of what was delivered, and when a user who has left goes to sleep.
const seenKind = "seen"

// SeenRecord returns the change by which the user was last seen at a time.
func SeenRecord(user Key, at int64) RecordChange {
	return RecordChange{Kind: seenKind, Key: string(user), Value: strconv.AppendInt(nil, at, 10)}
}

// UnseenRecord returns the change by which nothing is known of that.
func UnseenRecord(user Key) RecordChange { return RecordChange{Kind: seenKind, Key: string(user)} }

// LastSeen returns when the user was last connected, as far as it is written
// down; 0: never.
func (h *Home) LastSeen(ctx context.Context, user Key) (int64, error) {
	return h.readMoment(ctx, seenKind, user)
}

// readMoment returns the number in a user's record of the kind; 0: there is none.
func (h *Home) readMoment(ctx context.Context, kind string, user Key) (int64, error) {
	if h.Records == nil {
		return 0, nil
	}
	b, err := h.Records.ReadRecord(ctx, kind, string(user))
	if err != nil {
		if AsError(err).Code == NotFound {
			return 0, nil
		}
		return 0, fmt.Errorf("the record %s of %s: %w", kind, user, err)
	}
	at, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the record %s of %s: %w", kind, user, err)
	}
	return at, nil
}

// PresenceEvents says whether it is told who comes online and who goes offline, as
// messages of the topic PresenceTopics and the user's name.
type PresenceEvents struct {
	Events bool `yaml:"events"`
	// OfflineAfter is for how long a user must be without a connection before that is
	// told: who is back by then was not away.
	OfflineAfter time.Duration `yaml:"offline_after" min:"0s"`
}

// OnlineKind is the kind of the records of who was told to be online, of which it is
// yet to be told that they are not; the keys are those of the users, the values the
// rev of the event, in decimal.
const OnlineKind = "online"

// OnlineRecord returns the change by which it is told that the user is online, or is
// not.
func OnlineRecord(user Key, online bool, rev int64) RecordChange {
	c := RecordChange{Kind: OnlineKind, Key: string(user)}
	if online {
		c.Value = strconv.AppendInt(nil, rev, 10)
	}
	return c
}

// ToldOnline returns the rev of the event by which the user was told to be online; 0:
// the user was not, or it was told since that the user has gone.
func (h *Home) ToldOnline(ctx context.Context, user Key) (rev int64, err error) {
	return h.readMoment(ctx, OnlineKind, user)
}

// AppendPresenceEvent appends the payload of an event: since is when the user came, or
// the last connection went (unix milliseconds), rev rises with each event of the user.
func AppendPresenceEvent(b []byte, online bool, since, rev int64) []byte {
	b = strconv.AppendBool(append(b, `{"online":`...), online)
	b = AppendTimeMember(b, `,"since":`, since)
	return append(strconv.AppendInt(append(b, `,"rev":`...), rev, 10), '}')
}
