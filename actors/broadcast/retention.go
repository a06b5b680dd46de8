package broadcast

import (
	"errors"
	"fmt"

	"reddot/actors"
)

// What of a log is kept, and for how long. A content leaves the disk as soon as nobody
// needs it. An entry is kept for as long as inboxes keep messages, and journals events
// that were decided behind it: after that no user's state rests on it. Then a snapshot
// stands for it.

// wakeAt returns when the writer has something to do next; 0: never.
func (s *state) wakeAt(l *actors.Limits) (at int64) {
	first := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	for _, m := range s.messages {
		first(m.nextAt())
		first(m.forgetAt(l))
	}
	if len(s.keys) > 0 {
		first(s.keys[0].at + actors.CallerKeyAge)
	}
	return at
}

// forgetAt returns when no user's state rests on the message any more; 0: that is not
// known yet.
func (m *message) forgetAt(l *actors.Limits) int64 {
	since := max(m.shown, m.over)
	if since == 0 {
		return 0 // scheduled
	}
	return since + keptFor(l)
}

// keptFor returns for how long a user's state may rest on an entry, in milliseconds.
func keptFor(l *actors.Limits) int64 {
	return l.MessageAge.Milliseconds() + l.RetainAge.Milliseconds() + l.EraseWithin.Milliseconds()
}

// trim forgets what is too old. It returns how far entries may go, and the messages that
// are forgotten.
func (s *state) trim(now int64, l *actors.Limits) (floor uint64, gone []*message) {
	floor = s.pos
	kept := s.messages[:0:0]
	for _, m := range s.messages {
		if at := m.forgetAt(l); at != 0 && at <= now {
			gone = append(gone, m)
			continue
		}
		kept = append(kept, m)
		floor = min(floor, m.oldest()-1)
	}
	if len(gone) > 0 {
		s.messages = kept
	}
	for len(s.keys) > 0 && s.keys[0].at <= now-actors.CallerKeyAge {
		s.keys = s.keys[1:]
	}
	return floor, gone
}

// oldest returns the first entry that a user's state, or the message's content, rests on.
func (m *message) oldest() uint64 {
	at := m.ordered
	if m.first != 0 {
		at = min(at, m.first)
	}
	return at
}

// snapshot returns the state's stored form.
func (s *state) snapshot() []byte {
	p := &actors.LogState{Pos: s.pos, Floor: s.floor}
	for _, m := range s.messages {
		p.Messages = append(p.Messages, &actors.LoggedMessage{Message: m.Message, Audience: m.audience, Ordered: m.ordered, First: m.first, Body: m.body,
			At: m.at, Shown: m.shown, Over: m.over, Retracted: m.retracted, Stale: m.stale, Says: m.says, Excerpt: m.excerpt, Excerpts: m.excerpts, Holds: m.holds})
	}
	for _, k := range s.keys {
		p.Keys = append(p.Keys, &actors.OnceKey{Key: append([]byte(nil), k.key[:]...), Digest: k.digest, Id: append([]byte(nil), k.id[:]...), At: k.at})
	}
	b := make([]byte, 1+p.SizeVT())
	b[0] = actors.EventVersion
	if _, err := p.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

// decodeState reads a snapshot.
func decodeState(raw []byte) (*actors.LogState, error) {
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return nil, errors.New("a snapshot in an encoding that this program does not know")
	}
	p := &actors.LogState{}
	if err := p.UnmarshalVT(raw[1:]); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return p, nil
}

// restore takes in a snapshot. The state must be new.
func (s *state) restore(raw []byte) error {
	p, err := decodeState(raw)
	if err != nil {
		return err
	}
	s.pos, s.kept, s.floor = p.Pos, p.Pos, p.Floor
	for _, n := range p.Messages {
		if n.Message == nil || len(n.Message.Id) != 16 || n.Audience.Check() != nil {
			return fmt.Errorf("snapshot of entry %d: a message is damaged", p.Pos)
		}
		s.messages = append(s.messages, &message{Message: n.Message, audience: n.Audience, ordered: n.Ordered, first: n.First, body: n.Body,
			at: n.At, shown: n.Shown, over: n.Over, retracted: n.Retracted, stale: n.Stale, says: n.Says, excerpt: n.Excerpt, excerpts: n.Excerpts, holds: n.Holds})
	}
	for _, k := range p.Keys {
		if len(k.Key) != 16 || len(k.Id) != 16 {
			return fmt.Errorf("snapshot of entry %d: a key of %d bytes", p.Pos, len(k.Key))
		}
		s.keys = append(s.keys, onceKey{[16]byte(k.Key), k.Digest, actors.ID(k.Id), k.At})
	}
	return nil
}
