package retained

import (
	"fmt"
	"slices"
	"strings"

	"reddot/actors"
)

// retained is the pure state of a Retainer.
type retained struct {
	seq     uint64
	since   uint64 // the seq of the newest snapshot
	stale   int64  // when the first payload of an event since then was replaced (unix milliseconds); 0: none was
	expires int64  // no message expires before it, likewise; 0: none does
	oldest  int64  // no message is older, likewise; 0: none has a time
	byTopic map[string]*actors.TopicMessage
	topics  []string         // of byTopic, in order
	of      map[string]holds // what is a user's
	size    int              // bytes of all
}

// holds is how much of what is retained is one user's.
type holds struct{ n, size int }

func newRetained() *retained {
	return &retained{byTopic: map[string]*actors.TopicMessage{}, of: map[string]holds{}}
}

// retainedOfPart is how many messages of one user a part of the topics retains
// if all parts together are to retain limit. No user's topics are spread quite
// evenly, so it is a quarter more than their share.
func retainedOfPart(limit int) int {
	return max(1, (limit*5/4+actors.RetainedShards-1)/actors.RetainedShards)
}

// refused tells why a message may not be retained in the place of the old one,
// which may be nil.
func (s *retained) refused(m, old *actors.TopicMessage, l *actors.Limits) *actors.Error {
	mine, all := s.of[m.User], s.size
	if old != nil {
		all -= old.Held()
		if old.User == m.User {
			mine.n, mine.size = mine.n-1, mine.size-old.Held()
		}
	}
	switch {
	case mine.n >= retainedOfPart(l.Retained):
		return actors.Errorf(actors.TooMany, "topics retain at most about %d messages of one user", l.Retained)
	case mine.size+m.Held() > max(retainedOfPart(l.RetainedOfUser), l.RetainedBytes):
		return actors.Errorf(actors.TooMany, "topics retain at most about %d bytes of one user", l.RetainedOfUser)
	case all+m.Held() > max(retainedOfPart(l.RetainedOfApp), l.RetainedBytes):
		return actors.Errorf(actors.TooMany, "topics retain at most about %d bytes of one app", l.RetainedOfApp)
	}
	return nil
}

// note takes in when m lets something be retained no more.
func (s *retained) note(m *actors.TopicMessage) {
	if s.byTopic[m.Topic] != nil && s.stale == 0 {
		s.stale = m.At
	}
	s.time(m)
}

// time takes in when m will be over.
func (s *retained) time(m *actors.TopicMessage) {
	if m.ExpiresAt != 0 && (s.expires == 0 || m.ExpiresAt < s.expires) {
		s.expires = m.ExpiresAt
	}
	if len(m.Payload) > 0 && m.At != 0 && (s.oldest == 0 || m.At < s.oldest) {
		s.oldest = m.At
	}
}

// apply takes in an event.
func (s *retained) apply(e *actors.RetainedEvent) {
	m := e.Message
	s.seq = e.Seq
	s.note(m)
	s.drop(m.Topic)
	if len(m.Payload) == 0 {
		return
	}
	s.byTopic[m.Topic] = m
	if i, there := slices.BinarySearch(s.topics, m.Topic); !there {
		s.topics = slices.Insert(s.topics, i, m.Topic)
	}
	h := s.of[m.User]
	s.of[m.User] = holds{h.n + 1, h.size + m.Held()}
	s.size += m.Held()
}

func (s *retained) drop(topic string) {
	old := s.byTopic[topic]
	if old == nil {
		return
	}
	delete(s.byTopic, topic)
	if i, there := slices.BinarySearch(s.topics, topic); there {
		s.topics = slices.Delete(s.topics, i, i+1)
	}
	s.size -= old.Held()
	if h := s.of[old.User]; h.n > 1 {
		s.of[old.User] = holds{h.n - 1, h.size - old.Held()}
	} else {
		delete(s.of, old.User)
	}
}

func (s *retained) expire(now int64, l *actors.Limits) {
	s.expires, s.oldest = 0, 0
	for topic, m := range s.byTopic {
		if m.IsOver(now, l) {
			s.drop(topic)
		} else {
			s.time(m)
		}
	}
}

// matching returns a page of the messages that topics retain which a filter
// matches, in the order of the topics, and whether there are more.
func (s *retained) matching(c *actors.Retained, now int64, l *actors.Limits) (list []*actors.TopicMessage, more bool) {
	if !actors.Wild(c.Filter) {
		if m := s.byTopic[c.Filter]; m != nil && c.Filter > c.After && !m.IsOver(now, l) {
			list = append(list, m)
		}
		return list, false
	}
	prefix := c.Filter[:strings.IndexAny(c.Filter, "+#")]
	prefix = strings.TrimSuffix(prefix, "/") // a/# matches a
	i, at := slices.BinarySearch(s.topics, max(prefix, c.After))
	if at && s.topics[i] == c.After {
		i++
	}
	size := 0
	for ; i < len(s.topics) && strings.HasPrefix(s.topics[i], prefix); i++ {
		m := s.byTopic[s.topics[i]]
		if m.IsOver(now, l) || !actors.MatchTopic(c.Filter, m.Topic) {
			continue
		}
		if size += m.Held(); len(list) == actors.RetainedPageMessages || len(list) > 0 && size > actors.RetainedPageBytes {
			return list, true
		}
		list = append(list, m)
	}
	return list, false
}

func (s *retained) replay(raw []byte) error {
	e := &actors.RetainedEvent{}
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return fmt.Errorf("an event in an encoding that this program does not know")
	}
	if err := e.UnmarshalVT(raw[1:]); err != nil {
		return err
	}
	if e.Seq != s.seq+1 || e.Message == nil {
		return fmt.Errorf("event %d follows event %d, or has no message: the journal is damaged", e.Seq, s.seq)
	}
	s.apply(e)
	return nil
}

func (s *retained) restore(raw []byte) error {
	p := &actors.RetainedState{}
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return fmt.Errorf("a snapshot in an encoding that this program does not know")
	}
	if err := p.UnmarshalVT(raw[1:]); err != nil {
		return err
	}
	for _, m := range p.Messages {
		s.apply(&actors.RetainedEvent{Message: m})
	}
	s.seq, s.since = p.Seq, p.Seq
	return nil
}

// snapshot returns the stored form, without what is retained no longer. The state
// itself stays: it still says what the journal holds if that takes no snapshot now.
func (s *retained) snapshot(now int64, l *actors.Limits) []byte {
	p := &actors.RetainedState{Seq: s.seq}
	for _, m := range s.byTopic {
		if !m.IsOver(now, l) {
			p.Messages = append(p.Messages, m)
		}
	}
	b := make([]byte, 1+p.SizeVT())
	b[0] = actors.EventVersion
	if _, err := p.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

func encodeRetained(e *actors.RetainedEvent) []byte {
	b := make([]byte, 1+e.SizeVT())
	b[0] = actors.EventVersion
	if _, err := e.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}
