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
	return append(AppendTimeMember(appendHere(b, conns), `,"last_seen":`, seen), '}')
}

// appendHere appends the beginning of an object: whether there is a connection, whether somebody
// sees one, and by which transports they are.
func appendHere(b []byte, conns []ConnInfo) []byte {
	var names []string
	for i := range conns {
		if t := conns[i].Transport; t != "" && !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	slices.Sort(names)
	b = strconv.AppendBool(append(b, `{"online":`...), len(conns) > 0)
	b = strconv.AppendBool(append(b, `,"visible":`...), AnyVisible(conns))
	b = append(b, `,"transports":[`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, name)
	}
	return append(b, ']')
}

// AnyVisible tells whether somebody sees what one of the connections shows.
func AnyVisible(conns []ConnInfo) bool {
	return slices.ContainsFunc(conns, func(c ConnInfo) bool { return c.Visible })
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

// PresenceEvents says whether it is told who comes online and who goes offline, and whom
// somebody sees, as messages of the topic PresenceTopics and the user's name.
type PresenceEvents struct {
	Events bool `yaml:"events"`
	// OfflineAfter is for how long a user must be without a connection, or without one that
	// somebody sees, before that is told: who is back by then was not away.
	OfflineAfter time.Duration `yaml:"offline_after" min:"0s"`
}

// OnlineKind is the kind of the records of who was told to be online, of which it is
// yet to be told that they are not; the keys are those of the users, the values the
// rev of the event, in decimal, below zero where nobody sees the user's connections.
const OnlineKind = "online"

// Here is what was told of a user.
type Here struct {
	Online  bool
	Visible bool
	Rev     int64 // of the event, unix milliseconds; above that of the one before
}

// OnlineRecord returns the change by which h is told of the user.
func OnlineRecord(user Key, h Here) RecordChange {
	c := RecordChange{Kind: OnlineKind, Key: string(user)}
	switch {
	case h.Visible:
		c.Value = strconv.AppendInt(nil, h.Rev, 10)
	case h.Online:
		c.Value = strconv.AppendInt(nil, -h.Rev, 10)
	}
	return c
}

// ToldHere returns what was told of the user last. The rev of one who has gone is not known.
func (h *Home) ToldHere(ctx context.Context, user Key) (Here, error) {
	rev, err := h.readMoment(ctx, OnlineKind, user)
	return Here{Online: rev != 0, Visible: rev > 0, Rev: max(rev, -rev)}, err
}

// AppendPresenceEvent appends the payload of an event about a user with these connections:
// since is from when on it is so (unix milliseconds), rev rises with each event of the user.
func AppendPresenceEvent(b []byte, conns []ConnInfo, since, rev int64) []byte {
	b = AppendTimeMember(appendHere(b, conns), `,"since":`, since)
	return append(strconv.AppendInt(append(b, `,"rev":`...), rev, 10), '}')
}
