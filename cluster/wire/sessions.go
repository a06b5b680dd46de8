package wire

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// What concerns sessions and topics, as frames.

// encodeSession fills in a command about sessions or topics; false: it is none.
func (w *WireRequest) encodeSession(c actors.Command) bool {
	s := &WireSession{}
	switch c := c.(type) {
	case *actors.OpenSession:
		w.Command = WireCommand_COMMAND_OPEN_SESSION
		s.Client, s.Clean, s.Expiry, s.Will, s.Again, s.Epoch = c.Client, c.Clean, c.Expiry, c.Will, c.Again, c.Epoch
		s.encodeLink(c.Link, c.Exchange)
		if s.Turn = c.Turn; s.Turn == 0 {
			if f, ok := c.Link.(*actors.RemoteLink); ok {
				s.Turn = f.Turn
			}
		}
	case *actors.ChangeSession:
		w.Command = WireCommand_COMMAND_CHANGE_SESSION
		s.Client, s.Epoch, s.Change = c.Client, c.Epoch, c.Change
	case *actors.CloseSession:
		w.Command = WireCommand_COMMAND_CLOSE_SESSION
		s.Client, s.Epoch, s.Orderly = c.Client, c.Epoch, c.Orderly
		if c.Expiry != nil {
			s.Expiry, s.Expires = *c.Expiry, true
		}
		s.encodeLink(c.Link, c.Exchange)
	case *actors.QueueMessage:
		w.Command, w.Topic = WireCommand_COMMAND_QUEUE_MESSAGE, c.Message
		s.Client, s.Filter, s.Retained = c.Client, c.Filter, c.Retained
	case *actors.FetchWaiting:
		w.Command = WireCommand_COMMAND_FETCH_WAITING
		s.Client, s.Seqs, s.Inbox = c.Client, c.Seqs, c.Inbox
	case *actors.Retain:
		w.Command, w.Topic = WireCommand_COMMAND_RETAIN, c.Message
	case *actors.Retained:
		w.Command = WireCommand_COMMAND_RETAINED
		s.Filter, s.After = c.Filter, c.After
	default:
		return false
	}
	w.Session = s
	return true
}

// encodeLink names the way to the session's connection.
func (s *WireSession) encodeLink(l actors.SessionLink, hub *actor.PID) {
	if l == nil {
		return
	}
	if hub != nil {
		s.Hub = hub.Id
	}
	s.Link = l.ID()
	if f, ok := l.(*actors.RemoteLink); ok { // it was sent to us, and we pass it on
		s.Hub, s.Node = f.Exchange.Id, f.Exchange.Address
	}
}

// decodeSession returns the command; nil: it is none about sessions or topics.
func (w *WireRequest) decodeSession(gate func(node, id string) *actor.PID) (actors.Command, error) {
	s := w.Session
	switch w.Command {
	case WireCommand_COMMAND_QUEUE_MESSAGE, WireCommand_COMMAND_RETAIN:
		if err := w.Topic.Check(); err != nil || s == nil {
			return nil, fmt.Errorf("command %v without a message as it has to be: %w", w.Command, err)
		}
	default:
		if s == nil {
			return nil, fmt.Errorf("command %v says nothing", w.Command)
		}
	}
	switch w.Command {
	case WireCommand_COMMAND_OPEN_SESSION:
		if err := s.Will.Check(); err != nil {
			return nil, err
		}
		return &actors.OpenSession{Client: s.Client, Clean: s.Clean, Expiry: s.Expiry, Will: s.Will, Again: s.Again, Epoch: s.Epoch, Link: s.link(gate)}, nil
	case WireCommand_COMMAND_CHANGE_SESSION:
		return &actors.ChangeSession{Client: s.Client, Epoch: s.Epoch, Change: s.Change}, s.Change.Check()
	case WireCommand_COMMAND_CLOSE_SESSION:
		c := &actors.CloseSession{Client: s.Client, Epoch: s.Epoch, Orderly: s.Orderly, Link: s.link(gate)}
		if s.Expires {
			c.Expiry = &s.Expiry
		}
		return c, nil
	case WireCommand_COMMAND_QUEUE_MESSAGE:
		return &actors.QueueMessage{Message: w.Topic, Client: s.Client, Filter: s.Filter, Retained: s.Retained}, nil
	case WireCommand_COMMAND_FETCH_WAITING:
		if len(s.Seqs) != len(s.Inbox) {
			return nil, fmt.Errorf("%d messages to fetch, and of %d is known what they are", len(s.Seqs), len(s.Inbox))
		}
		return &actors.FetchWaiting{Client: s.Client, Seqs: s.Seqs, Inbox: s.Inbox}, nil
	case WireCommand_COMMAND_RETAIN:
		return &actors.Retain{Message: w.Topic}, nil
	case WireCommand_COMMAND_RETAINED:
		if s.Filter == "" {
			return nil, fmt.Errorf("no filter")
		}
		return &actors.Retained{Filter: s.Filter, After: s.After}, nil
	}
	return nil, nil
}

func (s *WireSession) link(gate func(node, id string) *actor.PID) actors.SessionLink {
	return actors.NewRemoteLink(gate(s.Node, s.Hub), s.Link, s.Client, s.Turn)
}

// encodeSession fills in what answers tell of sessions and topics.
func (w *WireAnswer) encodeSession(a *actors.Answer) {
	w.Session, w.Epoch, w.N = a.Session, a.Epoch, uint32(max(0, a.N))
	for _, m := range a.Messages {
		if m == nil {
			m = &actors.TopicMessage{}
		}
		w.Messages = append(w.Messages, m)
	}
}

func (w *WireAnswer) fillSession(a *actors.Answer) {
	a.Session, a.Epoch, a.N = w.Session, w.Epoch, int(w.N)
	for _, m := range w.Messages {
		if m.GetTopic() == "" {
			m = nil
		}
		a.Messages = append(a.Messages, m)
	}
}

// encodeTidings returns the frame of what a user tells a session's connection,
// behind the exchange with the id.
func encodeTidings(m *actors.Notice, id string) (*Frame, error) {
	w := &WireTidings{Hub: id, Link: m.Link, What: uint32(m.Kind), Turn: m.Turn, N: m.N}
	for _, n := range m.Queued {
		w.Waits = append(w.Waits, &WireWaits{Waiting: n.Waiting, Message: n.Message})
	}
	return frame(FrameType_FRAME_TIDINGS, w)
}

func decodeTidings(b []byte) (Crossing, error) {
	w := &WireTidings{}
	if err := w.UnmarshalVT(b); err != nil {
		return Crossing{}, fmt.Errorf("decode a notice: %w", err)
	}
	if w.What >= uint32(actors.NumNoticeKinds) {
		return Crossing{}, fmt.Errorf("notice %d, which this program does not know", w.What)
	}
	m := &actors.Notice{Link: w.Link, Kind: actors.NoticeKind(w.What), Turn: w.Turn, N: w.N}
	for _, n := range w.Waits {
		if n.GetWaiting() == nil {
			return Crossing{}, fmt.Errorf("a message that waits, of which nothing is said")
		}
		one := actors.QueuedMessage{Waiting: n.Waiting, Message: n.Message}
		if one.Message.GetTopic() == "" {
			one.Message = nil
		}
		m.Queued = append(m.Queued, one)
	}
	return Crossing{PID: w.Hub, Message: m}, nil
}
