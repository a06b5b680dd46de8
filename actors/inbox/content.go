package inbox

import (
	"context"
	"errors"
	"math"
	"slices"

	"reddot/actors"
)

// Content returns the message with its content: from the user's journal, or from the
// broadcast log. here is where the inbox stood when n was taken from it. have is an event at
// hand, which may hold the content. NotFound: it is no longer there.
func (n *entry) Content(ctx context.Context, j actors.Journal, key actors.Key, here Place, have *actors.Event) (*actors.Message, error) {
	after := here.Seq
	if n.logged {
		key, after = actors.LogKey(key.App()), here.Pos
	} else if have != nil && have.Seq == n.Body && !have.Message.GetCleared() {
		return present(have.Message, n.Body)
	}
	var m *actors.Message
	failed := error(actors.Errorf(actors.NotFound, "the content in event %d is not in the journal", n.Body))
	err := j.Events(ctx, key, n.Body, n.Body, func(_ uint64, raw []byte) bool {
		m, failed = decodeMessage(raw, n.logged)
		return false
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		m, err = present(m, n.Body)
	}
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return n.edited(ctx, j, key, after, err)
	}
	return m, err
}

// edited returns the message as it was edited after the inbox was read, which took out the
// content that it had then; gone, where it was not, or has left.
func (n *entry) edited(ctx context.Context, j actors.Journal, key actors.Key, after uint64, gone error) (m *actors.Message, err error) {
	var failed error
	err = j.Events(ctx, key, after+1, math.MaxInt64, func(_ uint64, raw []byte) bool {
		var now *actors.Message
		leaves := false
		if n.logged {
			now, leaves, failed = n.inEntry(raw)
		} else {
			now, leaves, failed = n.inEvent(raw)
		}
		if now != nil || leaves {
			m = now
		}
		return failed == nil && !leaves
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	if m == nil || m.Cleared {
		return nil, gone
	}
	return m, nil
}

// inEntry returns what an entry of the log makes of the message; nil: nothing.
func (n *entry) inEntry(raw []byte) (m *actors.Message, leaves bool, err error) {
	e, err := actors.DecodeLogEntry(raw)
	if err != nil || e.Concerns() != n.id {
		return nil, false, err
	}
	if e.Kind == actors.LogKind_LOG_EDITED {
		m = e.Message
	}
	return m, e.Kind == actors.LogKind_LOG_RETRACTED || e.Kind == actors.LogKind_LOG_EXPIRED, nil
}

// inEvent returns what an event of the journal makes of the message; nil: nothing.
func (n *entry) inEvent(raw []byte) (m *actors.Message, leaves bool, err error) {
	e := &actors.Event{}
	if err := actors.DecodeEvent(raw, e); err != nil {
		return nil, false, err
	}
	if e.Kind == actors.Kind_EDITED && actors.ID(e.Message.Id) == n.id {
		m = e.Message
	}
	out := e.Dropped
	switch e.Kind {
	case actors.Kind_ERASED:
		return nil, true, nil
	case actors.Kind_ACCEPTED, actors.Kind_RETRACTED, actors.Kind_EXPIRED, actors.Kind_DROPPED:
		out = slices.Concat(out, e.Ids)
	case actors.Kind_DUE:
		out = e.Ids[16:]
	case actors.Kind_FILTERED, actors.Kind_DIGESTED:
		out = e.Message.Id
	}
	actors.EachID(out, func(id actors.ID) { leaves = leaves || id == n.id })
	return m, leaves, nil
}

// decodeMessage returns the message in an event of a user, or in an entry of the log.
func decodeMessage(raw []byte, entry bool) (*actors.Message, error) {
	if entry {
		e, err := actors.DecodeLogEntry(raw)
		if err != nil {
			return nil, err
		}
		return e.Message, nil
	}
	e := &actors.Event{}
	err := actors.DecodeEvent(raw, e)
	return e.Message, err
}

// present returns a message that was read from seq, unless its content was taken out.
func present(m *actors.Message, seq uint64) (*actors.Message, error) {
	switch {
	case m == nil:
		return nil, actors.Errorf(actors.Internal, "event %d holds no content", seq)
	case m.Cleared:
		return nil, actors.Errorf(actors.NotFound, "the content in event %d was taken out", seq)
	}
	return m, nil
}
