package send

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"reddot/actors"
)

// What a send keeps, and for how long (actors/inbox/retention.go). Of one that is done there
// is a snapshot in the place of its events as soon as they hold what nobody
// needs any more.

// current returns the message with all edits.
func (s *state) current() *actors.Message {
	m := s.message
	for i := range s.steps {
		if t := &s.steps[i]; t.patch != nil {
			if p, err := actors.Patched(m, t.patch); err == nil {
				m = p
			}
		}
	}
	return m
}

// void tells whether nobody is to get the message any more.
func (s *state) void(now int64) bool {
	m := s.current()
	return s.retracted() || m.ExpiresAt != 0 && m.ExpiresAt <= now
}

// since returns from when on something of it is no longer needed, also a time to
// come; 0: never.
func (s *state) since() (at int64) {
	first := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	if !s.message.Cleared {
		first(s.current().ExpiresAt)
	}
	for i := range s.steps {
		t := &s.steps[i]
		if t.patch != nil || t.kind == actors.SendKind_SEND_RETRACTED && !s.message.Cleared {
			first(t.at)
		}
	}
	for _, k := range s.keys {
		first(k.at + actors.CallerKeyAge)
	}
	return at
}

// due returns when the send is to look what it can do without.
func (s *state) due(l *actors.Limits) int64 {
	at := s.forgetAt(l)
	if since := s.since(); since != 0 {
		at = min(at, l.SweepAt(since, s.lineage()))
	}
	return at
}

// forgetAt returns when no inbox holds the message any more. None does when
// MessageAge has gone by since the last one got it; what its users' inboxes add
// to the funnel comes before that.
func (s *state) forgetAt(l *actors.Limits) int64 {
	return l.SweepAt(max(s.at, s.told, s.message.SendAt)+l.MessageAge.Milliseconds(), s.lineage())
}

// lineage returns a number by which sends are spread.
func (s *state) lineage() uint64 { return binary.BigEndian.Uint64(s.message.Id[8:]) }

// compacted returns the state without what nobody needs any more. Nobody may be under
// way, and all have had the steps unless the message is void. The state itself stays:
// it still says what the journal holds if that takes no snapshot now.
func (s *state) compacted(now int64) *state {
	c, void := *s, s.void(now)
	c.message = s.current()
	if void {
		e := &actors.Event{Message: c.message}
		e.Clear()
		c.message = e.Message
	}
	c.steps = slices.Clone(s.steps)
	for i := range c.steps {
		t := &c.steps[i]
		if t.patch = nil; !void || t.kind == actors.SendKind_SEND_RETRACTED {
			continue
		}
		t.done, t.left = slices.Repeat([]bool{true}, len(t.done)), 0
	}
	c.keys = maps.Clone(s.keys)
	maps.DeleteFunc(c.keys, func(_ [16]byte, k sendKey) bool { return k.at < now-actors.CallerKeyAge })
	return &c
}

// snapshot returns the send's stored form.
func (s *state) snapshot() []byte {
	p := &actors.SendState{Seq: s.seq, Message: s.message, Users: s.users, At: s.at, Told: s.told}
	for i := range s.steps {
		t := &s.steps[i]
		n := &actors.SendStep{Kind: t.kind, At: t.at, Failed: uint32(t.failed)}
		if t.left > 0 {
			for u, done := range t.done {
				if !done {
					n.Left = append(n.Left, uint32(u))
				}
			}
		}
		p.Steps = append(p.Steps, n)
	}
	for once, k := range s.keys {
		p.Keys = append(p.Keys, &actors.OnceKey{Key: append([]byte(nil), once[:]...), Digest: k.digest, At: k.at})
	}
	b := make([]byte, 1+p.SizeVT())
	b[0] = actors.EventVersion
	if _, err := p.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

// restore takes in a snapshot. The send must be new.
func (s *state) restore(raw []byte) error {
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return errors.New("a snapshot in an encoding that this program does not know")
	}
	p := &actors.SendState{}
	if err := p.UnmarshalVT(raw[1:]); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if p.Message == nil || len(p.Message.Id) != 16 {
		return fmt.Errorf("snapshot of event %d: there is no message", p.Seq)
	}
	s.seq, s.kept, s.message, s.users, s.at, s.told = p.Seq, p.Seq, p.Message, p.Users, p.At, p.Told
	for i, n := range p.Steps {
		t := sendStep{kind: n.Kind, at: n.At, once: s.once(i), done: make([]bool, len(s.users)), left: len(n.Left), failed: int(n.Failed)}
		for u := range t.done {
			t.done[u] = true
		}
		for _, u := range n.Left {
			if int(u) >= len(t.done) {
				return fmt.Errorf("snapshot of event %d: there is no user %d", p.Seq, u)
			}
			t.done[u] = false
		}
		s.steps = append(s.steps, t)
	}
	for _, k := range p.Keys {
		if len(k.Key) != 16 {
			return fmt.Errorf("snapshot of event %d: a key of %d bytes", p.Seq, len(k.Key))
		}
		s.key([16]byte(k.Key), sendKey{k.Digest, k.At})
	}
	return nil
}
