package api

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// A marking is what a user does with messages, as a word in a URL.
type marking struct {
	name string
	to   actors.Marking
	one  func(*call) error // …/messages/{id}/<name>
	many func(*call) error // …/<name>; nil: not for many
}

// markings are all of them.
var markings = []marking{
	{"seen", actors.MarkSeen, markOne(actors.MarkSeen), markMany(actors.MarkSeen)},
	{"read", actors.MarkRead, markOne(actors.MarkRead), markMany(actors.MarkRead)},
	{"unread", actors.MarkUnread, markOne(actors.MarkUnread), nil},
	{"archive", actors.MarkArchived, markOne(actors.MarkArchived), markMany(actors.MarkArchived)},
	{"snooze", actors.MarkSnoozed, snooze, nil},
}

// markOne marks the message that the path names. A body has no place there;
// an empty object is one that a client's library may send for none.
func markOne(to actors.Marking) func(*call) error {
	return func(c *call) error {
		id, err := c.id(1)
		if err != nil {
			return err
		}
		m := &actors.Mark{To: to, IDs: []actors.ID{id}}
		if err := c.readMark(m, 0); err != nil {
			return err
		}
		return c.mark(m)
	}
}

// snooze is POST …/messages/{id}/snooze with {"until":…}.
func snooze(c *call) error {
	id, err := c.id(1)
	if err != nil {
		return err
	}
	m := &actors.Mark{To: actors.MarkSnoozed, IDs: []actors.ID{id}}
	if err := c.readMark(m, transports.MarkUntil); err != nil {
		return err
	}
	return c.mark(m)
}

// markMany marks what the body names.
func markMany(to actors.Marking) func(*call) error {
	return func(c *call) error {
		m := &actors.Mark{To: to}
		if err := c.readMark(m, transports.MarkMany); err != nil {
			return err
		}
		return c.mark(m)
	}
}

// mark asks the user's actor and answers with the counts.
func (c *call) mark(m *actors.Mark) error {
	once, err := c.once(actors.NewID())
	if err != nil {
		return err
	}
	r, err := c.ask(c.userKey(), m, once)
	if err != nil {
		return err
	}
	b := appendCounts(append(c.out[:0], '{'), &r.Answer)
	for i, id := range r.Answer.Unknown {
		if i == 0 {
			b = append(b, `,"unknown":["`...)
		} else {
			b = append(b, `","`...)
		}
		b = id.Append(b)
	}
	if len(r.Answer.Unknown) > 0 {
		b = append(b, `"]`...)
	}
	c.out = append(b, '}')
	c.replayed(r)
	c.reply(fasthttp.StatusOK, c.out)
	r.Release()
	return nil
}

// appendCounts appends the members of an answer that say where the user stands.
func appendCounts(b []byte, a *actors.Answer) []byte {
	b = append(b, `"rev":`...)
	b = strconv.AppendUint(b, a.Rev, 10)
	b = append(b, `,"counts":`...)
	return append(b, a.Counts...)
}

// readMark reads the body into m. allow says which fields may stand in it. An
// empty body is an empty object.
func (c *call) readMark(m *actors.Mark, allow transports.MarkFields) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	switch {
	case err != nil:
		return err
	case len(body) == 0:
		return transports.MarkFields(0).Check(allow)
	}
	return c.draft.in.Mark(body, m, allow)
}
