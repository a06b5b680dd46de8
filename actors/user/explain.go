package user

import (
	"context"

	"reddot/actors"
	"reddot/actors/explain"
	"reddot/actors/inbox"
)

// explain answers why the user did or did not get a message: from the journal's events and
// the log's entries, which are read outside the turn.
func (u *User) explain(r *actors.Request, c *actors.Explain) {
	q := &question{
		id: c.ID, brief: c.Brief, own: c.Own, user: u.Key, home: u.Home, knows: u.inbox.Remember(c.ID), last: u.inbox.Seq(), pos: u.inbox.Pos(), log: u.log, told: u.told, read: u.readLog(),
		life: explain.New(c.ID),
	}
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev(), ID: c.ID})
	u.read(r, q.answer)
	if c.Brief {
		u.passivateSoon()
	}
}

// A question is about one message.
type question struct {
	id    actors.ID
	brief bool // what came of it is all that is asked
	own   bool // the user asks
	user  actors.Key
	home  *actors.Home
	knows inbox.Remembered
	last  uint64 // event
	pos   uint64 // up to which the log is merged
	log   *actors.Log
	told  uint64 // up to which position broadcasts were written to connections
	read  inbox.LogReader

	life    *explain.Life
	entries []*actors.KnownEntry // about the message, that are not taken in yet
	cast    bool                 // it was broadcast
	since   int64                // when the oldest event happened that is certainly there
}

// answer appends the life of the message.
func (q *question) answer(ctx context.Context, out []byte) ([]byte, error) {
	for _, e := range q.log.Between(0, q.pos) {
		if e.Concerns() == q.id {
			q.entries = append(q.entries, e)
		}
	}
	q.cast = len(q.entries) > 0
	excuse, err := q.excuse(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	err = q.home.Journal.Events(ctx, q.user, 1, q.last, func(seq uint64, raw []byte) bool {
		var e actors.Event
		if failed = actors.DecodeEvent(raw, &e); failed != nil {
			return false
		}
		if q.since == 0 && seq > q.knows.Floor {
			q.since = e.At
		}
		q.upTo(e.Pos, excuse)
		q.life.Event(&e)
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	q.upTo(q.pos, excuse)
	return q.finish(out)
}

// finish takes in what the inbox knows besides, and appends the answer.
func (q *question) finish(out []byte) ([]byte, error) {
	k := &q.knows
	q.life.Told(q.told)
	switch {
	case k.Here:
		q.life.Here(k.Item.State, k.Item.Until, k.Delivered)
	case k.Aside:
		q.life.Aside(k.Rule, k.Gathered, k.At)
	case k.Displaced != 0:
		for _, e := range q.log.Between(k.Displaced-1, k.Displaced) {
			q.life.TakenBy(e)
		}
	}
	if !k.Here {
		q.life.Gone()
	}
	reach := explain.Reach{Journal: k.Floor + 1, Log: q.log.Floor() + 1}
	if q.since != 0 {
		reach.Since = actors.TimeText(q.since)
	}
	if !q.life.Known() && !k.Here {
		return nil, q.unknown(reach)
	}
	if q.brief {
		return q.life.AppendBrief(out, q.user.Name()), nil
	}
	if q.own {
		q.life.Own()
	}
	return q.life.AppendJSON(out, q.user.Name(), reach)
}

// unknown says that nothing is known of the message, and how far back that is true.
func (q *question) unknown(reach explain.Reach) *actors.Error {
	if q.last == 0 {
		return actors.Errorf(actors.NotFound, "nothing has ever happened to this user, and the broadcast log, which reaches back to position %d, has no such message", reach.Log)
	}
	since := ""
	if reach.Since != "" {
		since = " of " + reach.Since
	}
	return actors.Errorf(actors.NotFound, "neither the user's journal, which reaches back to event %d%s, nor the broadcast log, which reaches back to position %d, has this message",
		reach.Journal, since, reach.Log)
}

// upTo takes in the entries up to a position.
func (q *question) upTo(pos uint64, excuse *explain.Excuse) {
	for len(q.entries) > 0 && q.entries[0].Pos <= pos {
		q.life.Entry(q.entries[0], excuse)
		q.entries = q.entries[1:]
	}
}

// excuse returns why the broadcast was not for the user; nil: it was, or there is none, or
// nobody has seen it yet.
func (q *question) excuse(ctx context.Context) (*explain.Excuse, error) {
	for _, e := range q.entries {
		if e.Hidden || e.Kind != actors.LogKind_LOG_PUBLISHED && e.Kind != actors.LogKind_LOG_DUE || q.knows.Here && q.knows.Item.Pos == e.Pos && q.knows.Item.State != actors.State_SCHEDULED {
			continue
		}
		b, err := inbox.InboxBefore(ctx, q.home.Journal, q.user, e.Pos, q.last, q.pos, q.read)
		if err != nil {
			if known := actors.AsError(err); known.Code == actors.NotFound {
				return &explain.Excuse{Value: "whether it was for the user is not known: " + known.Detail}, nil
			}
			return nil, err
		}
		if x, ok := b.Excuse(e); ok {
			return &explain.Excuse{Rule: x.Rule.Word(), Value: x.Value, Policy: x.Policy, Version: x.Version, Until: x.Until, Digest: x.Digest}, nil
		}
	}
	return nil, nil
}
