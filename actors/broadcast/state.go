package broadcast

import (
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/actors/rule"
)

// state is the pure state of a log's writer: the messages that are in the log, and the
// keys of the requests that made its entries.
type state struct {
	pos      uint64
	floor    uint64 // entries at or below it are gone, but for contents still held
	kept     uint64 // pos of the newest snapshot
	messages []*message
	keys     []onceKey // oldest first
}

// message is one broadcast.
type message struct {
	*actors.Message // without its content
	audience        *actors.Audience
	ordered         uint64 // pos that it was published at
	first           uint64 // pos that made it visible; 0: it is scheduled
	body            uint64 // pos that holds its content; 0: it was taken out
	stale           []uint64
	says            uint64   // as its last entry has it
	excerpt         []byte   // likewise
	excerpts        []uint64 // entries that have one
	holds           bool     // rules may hold it
	at              int64    // ordered, unix milliseconds
	shown           int64    // visible since, likewise
	over            int64    // retracted or expired, likewise; 0: it is live
	retracted       bool
}

type onceKey struct {
	key    [16]byte
	digest uint64
	id     actors.ID
	at     int64
}

// find returns a message; nil: it is not in the log.
func (s *state) find(id actors.ID) *message {
	for i := len(s.messages) - 1; i >= 0; i-- {
		if actors.ID(s.messages[i].Id) == id {
			return s.messages[i]
		}
	}
	return nil
}

// apply takes in one entry, a fresh one or one that the journal replays.
func (s *state) apply(e *actors.LogEntry) error {
	if e.Pos != s.pos+1 {
		return fmt.Errorf("entry %d follows entry %d: the journal is damaged", e.Pos, s.pos)
	}
	m := s.find(e.Concerns())
	if (m == nil) != (e.Kind == actors.LogKind_LOG_PUBLISHED) {
		return fmt.Errorf("entry %d is about a message that is not there, or is already", e.Pos)
	}
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED:
		m = &message{Message: e.Message, audience: e.Audience, ordered: e.Pos, at: e.At, holds: e.Holds}
		if s.messages = append(s.messages, m); !e.Hidden {
			m.first, m.shown = e.Pos, e.At
		}
		m.hold(e)
	case actors.LogKind_LOG_DUE:
		m.first, m.shown = e.Pos, e.At
		m.shows(e)
	case actors.LogKind_LOG_EDITED:
		m.Message = e.Message
		m.hold(e)
	case actors.LogKind_LOG_RETRACTED, actors.LogKind_LOG_EXPIRED:
		m.over, m.retracted = e.At, e.Kind == actors.LogKind_LOG_RETRACTED
		m.drop()
		m.stale, m.excerpts, m.excerpt = append(m.stale, m.excerpts...), nil, nil
	}
	s.pos = e.Pos
	if len(e.Once) == 16 {
		s.keys = append(s.keys, onceKey{[16]byte(e.Once), e.Digest, e.Concerns(), e.At})
	}
	return nil
}

// hold takes in which entry has the message's content.
func (m *message) hold(e *actors.LogEntry) {
	m.drop()
	if !e.Message.Cleared {
		m.body = e.Pos
	}
	m.shows(e)
	if len(m.Content) > 0 {
		m.Message = m.Copy()
		m.Content = nil
	}
}

// shows takes in what digests show of the message.
func (m *message) shows(e *actors.LogEntry) {
	m.says, m.excerpt = e.Says, e.Excerpt
	if len(e.Excerpt) > 0 {
		m.excerpts = append(m.excerpts, e.Pos)
	}
}

// note lets an entry say what a policy has to know of its message's content.
func note(e *actors.LogEntry) {
	if e.Message.Policy != nil {
		e.Says, e.Excerpt = rule.Digest(e.Message), rule.Excerpt(e.Message)
	}
}

// drop notes that the content is no longer needed.
func (m *message) drop() {
	if m.body != 0 {
		m.stale = append(m.stale, m.body)
	}
	m.body = 0
}

// replayed returns which message a write was about that was done before under the same
// key; nil: none was.
func (s *state) replayed(once actors.Once) (*message, *actors.Error) {
	for i := len(s.keys) - 1; i >= 0; i-- {
		k := &s.keys[i]
		switch {
		case once.IsZero() || k.key != once.Key:
		case k.digest != once.Digest:
			return nil, actors.Errorf(actors.IdempotencyConflict, "this Idempotency-Key was used for another request")
		default:
			return s.find(k.id), nil
		}
	}
	return nil, nil
}

// entry returns the next entry.
func (s *state) entry(kind actors.LogKind, at int64, once actors.Once) *actors.LogEntry {
	e := &actors.LogEntry{Kind: kind, Pos: s.pos + 1, At: at}
	if !once.IsZero() {
		e.Once, e.Digest = slices.Clone(once.Key[:]), once.Digest
	}
	return e
}

// publish decides about a new message.
func (s *state) publish(c *actors.Broadcast, holds bool, once actors.Once, at int64) *actors.LogEntry {
	e := s.entry(actors.LogKind_LOG_PUBLISHED, at, once)
	e.Message, e.Audience, e.Hidden, e.Holds = c.Message, c.Audience, c.Message.SendAt > at, holds
	note(e)
	return e
}

// about decides about a message that is there.
func (s *state) about(m *message, kind actors.LogKind, at int64, once actors.Once) *actors.LogEntry {
	e := s.entry(kind, at, once)
	e.Audience, e.Hidden, e.Holds = m.audience, m.first == 0, m.holds
	switch kind {
	case actors.LogKind_LOG_DUE:
		e.Message, e.Body, e.Hidden = m.Message, m.body, false
		e.Says, e.Excerpt = m.says, m.excerpt
	case actors.LogKind_LOG_RETRACTED, actors.LogKind_LOG_EXPIRED:
		e.Id = m.Id
	}
	return e
}

// due decides what time alone has changed, one entry a call; nil: nothing.
func (s *state) due(now int64) *actors.LogEntry {
	var next *message
	for _, m := range s.messages {
		if at := m.nextAt(); at != 0 && at <= now && (next == nil || at < next.nextAt()) {
			next = m
		}
	}
	switch {
	case next == nil:
		return nil
	case next.ExpiresAt != 0 && next.ExpiresAt <= now:
		return s.about(next, actors.LogKind_LOG_EXPIRED, now, actors.Once{})
	}
	return s.about(next, actors.LogKind_LOG_DUE, now, actors.Once{})
}

// nextAt returns when the message becomes due or expires; 0: neither is to come.
func (m *message) nextAt() int64 {
	switch {
	case m.over != 0:
		return 0
	case m.first == 0 && (m.ExpiresAt == 0 || m.SendAt < m.ExpiresAt):
		return m.SendAt
	}
	return m.ExpiresAt
}

// A leftover is an entry with a content that nobody needs any more; over: of a message that
// has come to its end.
type leftover struct {
	pos  uint64
	over bool
}

// stale returns them.
func (s *state) stale() (list []leftover) {
	for _, m := range s.messages {
		for _, pos := range m.stale {
			list = append(list, leftover{pos, m.over != 0})
		}
	}
	return list
}

// cleared takes in that contents were taken out of entries.
func (s *state) cleared(list []uint64) {
	for _, m := range s.messages {
		m.stale = slices.DeleteFunc(m.stale, func(pos uint64) bool { return slices.Contains(list, pos) })
	}
}
