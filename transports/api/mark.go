package api

import (
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
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
	if err := c.readMark(m, markUntil); err != nil {
		return err
	}
	if m.Until <= c.draft.now {
		return wrong("until", "it must be a time to come")
	}
	return c.mark(m)
}

// markMany marks what the body names.
func markMany(to actors.Marking) func(*call) error {
	return func(c *call) error {
		m := &actors.Mark{To: to}
		if err := c.readMark(m, markIDs|markUpTo|markAll|markCategory); err != nil {
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
	b := append(c.out[:0], `{"rev":`...)
	b = strconv.AppendUint(b, r.Answer.Rev, 10)
	b = append(b, `,"counts":`...)
	b = append(b, r.Answer.Counts...)
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
	if r.Answer.Replayed {
		c.Response.Header.Set("Idempotent-Replayed", "true")
	}
	c.reply(fasthttp.StatusOK, c.out)
	r.Release()
	return nil
}

// The members of a body that marks.
const (
	markIDs = 1 << iota
	markUpTo
	markAll
	markCategory
	markUntil

	markWhat = markIDs | markUpTo | markAll
)

// markFields name them, in the order of their bits.
var markFields = [...]string{"ids", "up_to", "all", "category", "until"}

// readMark reads the body into m. allow says which members may stand in it. An
// empty body is an empty object.
func (c *call) readMark(m *actors.Mark, allow int) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	has := 0
	if len(body) > 0 {
		if has, err = c.parseMark(m, body, allow); err != nil {
			return err
		}
	}
	switch {
	case allow&markUntil != 0 && has&markUntil == 0:
		return wrong("until", "it is missing: say until when")
	case allow&markWhat == 0:
		return nil
	case has&markWhat == 0:
		return wrong("ids", "say which messages: give one of ids, up_to, all")
	case has&markWhat != markIDs && has&markWhat != markUpTo && has&markWhat != markAll:
		return wrong("ids", "give one of ids, up_to, all, and not two")
	}
	return nil
}

func (c *call) parseMark(m *actors.Mark, body []byte, allow int) (has int, err error) {
	d := &c.draft
	d.now = c.api.now().UnixMilli()
	d.scan.reset(body, d.lim.Depth)
	s := &d.scan
	if !s.take('{', "no object") {
		return 0, s.err()
	}
	for first := true; ; first = false {
		name, more := s.member(first)
		if !more {
			break
		}
		bit := 0
		for i, f := range markFields {
			if name.is(f) {
				bit = 1 << i
			}
		}
		switch {
		case bit&allow == 0:
			return 0, wrong(shown(name), "there is no such field here")
		case bit&has != 0:
			return 0, wrong(name.string(), "the field stands twice")
		}
		has |= bit
		if err := c.markMember(m, bit); err != nil {
			return 0, err
		}
	}
	if s.bad != "" || !s.end() {
		return 0, s.err()
	}
	return has, nil
}

func (c *call) markMember(m *actors.Mark, bit int) (err error) {
	d := &c.draft
	switch bit {
	case markIDs:
		m.IDs, err = c.readIDs()
	case markUpTo:
		var t text
		if t, err = d.text("up_to", actors.MaxCursor); err != nil {
			return err
		}
		cursor, err := actors.ParseCursor(t.string())
		if err != nil {
			return wrong("up_to", detail(err))
		}
		m.UpTo = &cursor
	case markAll:
		if d.scan.peek() != 't' || !d.scan.word("true") {
			return d.notA("all", "true")
		}
	case markCategory:
		if err = d.readCategory(); err == nil {
			m.Category = d.category
		}
	case markUntil:
		m.Until, err = d.time("until")
	}
	return err
}

// readIDs reads an array of ids.
func (c *call) readIDs() ([]actors.ID, error) {
	s := &c.draft.scan
	if s.peek() != '[' {
		return nil, c.draft.notA("ids", "an array of message ids")
	}
	s.pos++
	var ids []actors.ID
	for first := true; s.item(first); first = false {
		t, err := c.draft.text("ids", 64)
		if err != nil {
			return nil, err
		}
		id, err := actors.ParseID(t.string())
		if err != nil {
			return nil, wrong("ids", "a message's id looks like 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
		}
		if len(ids) == c.api.cfg.MarkIDs {
			return nil, wrong("ids", fmt.Sprintf("at most %d ids fit in one request", c.api.cfg.MarkIDs))
		}
		ids = append(ids, id)
	}
	switch {
	case s.bad != "":
		return nil, s.err()
	case len(ids) == 0:
		return nil, wrong("ids", "it is empty")
	}
	return ids, nil
}
