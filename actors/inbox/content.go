package inbox

import (
	"context"

	"reddot/actors"
)

// Content returns the message with its content: from the user's journal, or from the
// broadcast log. have is an event at hand, which may hold it. NotFound: it is no longer
// there.
func (n *Item) Content(ctx context.Context, j actors.Journal, key actors.Key, have *actors.Event) (*actors.Message, error) {
	if n.IsBroadcast() {
		key = actors.LogKey(key.App())
	} else if have != nil && have.Seq == n.Body {
		return present(have.Message, n.Body)
	}
	var m *actors.Message
	failed := error(actors.Errorf(actors.NotFound, "the content in event %d is not in the journal", n.Body))
	err := j.Events(ctx, key, n.Body, n.Body, func(_ uint64, raw []byte) bool {
		m, failed = decodeMessage(raw, n.IsBroadcast())
		return false
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return present(m, n.Body)
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
