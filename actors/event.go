package actors

import (
	"fmt"
	"slices"
)

// EventVersion stands before each event: how the bytes behind it are encoded.
const EventVersion = 1

// EncodeEvent appends the event's stored form to b.
func EncodeEvent(b []byte, e *Event) []byte {
	n := e.SizeVT()
	b = append(slices.Grow(b, 1+n), EventVersion)
	b = b[:len(b)+n]
	// It writes from the end and fails only when the space is too small.
	if _, err := e.MarshalToSizedBufferVT(b[len(b)-n:]); err != nil {
		panic(err)
	}
	return b
}

// DecodeEvent reads an event as EncodeEvent wrote it.
func DecodeEvent(b []byte, e *Event) error {
	e.Reset()
	return DecodeInto(b, e)
}

// DecodeInto is DecodeEvent for an event in whose slices, and in whose
// message, there is memory to be used.
func DecodeInto(b []byte, e *Event) error {
	if len(b) == 0 || b[0] != EventVersion {
		return fmt.Errorf("an event in an encoding that this program does not know (its first byte is %.1x)", b)
	}
	if err := e.UnmarshalVT(b[1:]); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if e.Message != nil && len(e.Message.Id) == 0 {
		e.Message = nil // it was there to be decoded into
	}
	for _, ids := range [][]byte{e.Ids, e.Dropped, e.Once} {
		if err := wholeIDs(ids); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
	}
	if e.State < 0 || e.State > State_SCHEDULED {
		return fmt.Errorf("event %d has the state %d, which this program does not know", e.Seq, e.State)
	}
	switch e.Kind {
	case Kind_ACCEPTED, Kind_EDITED:
		if e.Message == nil || len(e.Message.Id) != 16 {
			return fmt.Errorf("event %d has no message", e.Seq)
		}
	case Kind_DUE, Kind_HELD:
		if len(e.Ids) == 0 {
			return fmt.Errorf("event %d has no id", e.Seq)
		}
	case Kind_FILTERED, Kind_DIGESTED:
		if e.Message == nil || len(e.Message.Id) != 16 || e.Verdict == nil {
			return fmt.Errorf("event %d does not say which message a rule put aside, or why", e.Seq)
		}
	case Kind_STANDING:
		if e.Standing == nil {
			return fmt.Errorf("event %d does not say how the user stands", e.Seq)
		}
	case Kind_ACTED:
		if len(e.Ids) != 16 || e.Acted == nil {
			return fmt.Errorf("event %d does not say how which message was answered", e.Seq)
		}
	case Kind_SESSION, Kind_QUEUED:
		return e.checkSession()
	case Kind_PROFILE:
		if e.Profile == nil {
			return fmt.Errorf("event %d does not say what has changed", e.Seq)
		}
	}
	return nil
}

// wholeIDs checks that packed holds whole ids.
func wholeIDs(packed []byte) error {
	if len(packed)%16 != 0 {
		return fmt.Errorf("%d bytes of ids: want a multiple of 16", len(packed))
	}
	return nil
}

// checkSession checks what an event says of sessions.
func (e *Event) checkSession() error {
	switch {
	case e.Kind == Kind_SESSION && e.Session == nil:
		return fmt.Errorf("event %d names no session", e.Seq)
	case e.Kind == Kind_QUEUED && (e.Topic == nil || len(e.Queue) == 0):
		return fmt.Errorf("event %d has no message, or it waits for no session", e.Seq)
	}
	for _, q := range e.Queue {
		if q.Waiting == nil {
			return fmt.Errorf("event %d does not say how its message waits", e.Seq)
		}
	}
	for _, n := range e.GetSession().GetReceived() {
		if len(n.Once) != 16 {
			return fmt.Errorf("event %d has a key of %d bytes", e.Seq, len(n.Once))
		}
	}
	return nil
}

// Clear takes the content out of e, which nobody needs any more.
func (e *Event) Clear() {
	if m := e.Message; m != nil {
		e.Message = &Message{
			Id: m.Id, Category: m.Category, Tenant: m.Tenant, Priority: m.Priority, ExpiresAt: m.ExpiresAt, SendAt: m.SendAt,
			CreatedAt: m.CreatedAt, Shared: m.Shared, EditedAt: m.EditedAt, Cleared: true,
		}
	}
	if e.Topic != nil {
		e.Topic = &TopicMessage{}
	}
	if e.Session != nil {
		e.Session.Will = nil
	}
	if e.Profile != nil {
		e.Profile = &ProfileChange{}
	}
	if e.Acted != nil {
		e.Acted = &Acted{}
	}
}

// Frees tells whether e may let something become superfluous.
func (e *Event) Frees() bool {
	switch e.Kind {
	case Kind_ACCEPTED:
		return len(e.Ids)+len(e.Dropped) > 0
	case Kind_DUE:
		return len(e.Ids) > 16
	case Kind_EDITED, Kind_RETRACTED, Kind_EXPIRED, Kind_DROPPED, Kind_SESSION, Kind_FILTERED, Kind_DIGESTED:
		return true
	}
	return false
}

// Remains returns what is still to be told of an event without its message:
// which others had to leave for it.
func (e *Event) Remains() *Event {
	left := &Event{Kind: Kind_NOTED, Seq: e.Seq, Pos: e.Pos}
	switch {
	case e.State == State_SCHEDULED:
		return e
	case e.Kind == Kind_ACCEPTED:
		left.Ids = slices.Concat(e.Ids, e.Dropped)
	case e.Kind == Kind_DUE:
		left.Ids = e.Ids[16:]
	case e.Kind == Kind_EDITED:
		left.Ids = e.Dropped
	default:
		return e
	}
	if len(left.Ids) > 0 {
		left.Kind = Kind_DROPPED
	}
	return left
}

// Check tells whether the change is one that may be stored.
func (c *SessionChange) Check() error {
	if c == nil {
		return fmt.Errorf("a session's change that is none")
	}
	for _, n := range c.Set {
		if n.GetFilter() == "" || n.Qos > 2 {
			return fmt.Errorf("a subscription without a filter, or with QoS %d", n.GetQos())
		}
	}
	for _, n := range c.Received {
		if len(n.GetOnce()) != 16 {
			return fmt.Errorf("a message that came, with %d bytes of key", len(n.GetOnce()))
		}
	}
	for _, o := range c.Sent {
		if o.GetQos() > 2 {
			return fmt.Errorf("a message that was sent with QoS %d", o.GetQos())
		}
	}
	return nil
}

// Check tells whether the message is one that may be stored.
func (m *TopicMessage) Check() error {
	switch {
	case m == nil || m.Topic == "" || m.App == "":
		return fmt.Errorf("a topic's message without a topic or an app")
	case m.Qos > 2 || len(m.Once) != 0 && len(m.Once) != 16:
		return fmt.Errorf("a topic's message with QoS %d and %d bytes of key", m.Qos, len(m.Once))
	}
	return nil
}

// Check tells whether the will is one that may be stored; nil is.
func (w *Will) Check() error {
	if w == nil {
		return nil
	}
	return w.Message.Check()
}
