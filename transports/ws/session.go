package ws

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
	"reddot/transports/websocket"
)

// A kind is what all sessions of one path have in common.
type kind struct {
	sockets  *Sockets
	format   actors.Format
	topics   streams.TopicForm
	plain    bool // the client has nothing to say
	inflates bool // compression was agreed on
}

// A session is the protocol of one WebSocket. Most clients only listen, so
// what it takes to hear them is made when they say something.
type session struct {
	kind     *kind
	socket   *streams.Socket                    // from the first Receive
	parser   *websocket.Parser                  // nil, unless a message is cut
	answers  *answers                           // nil, until there is one
	topics   atomic.Pointer[streams.Subscriber] // nil, until a topic is subscribed to
	pace     streams.Pace
	closing  atomic.Pointer[transports.Close] // how to close, where that is known better than by an End
	refused  uint32                           // frames above the pace, one after the other
	received bool                             // the client has sent a frame
}

var (
	_ streams.Protocol   = (*session)(nil)
	_ streams.Buffering  = (*session)(nil)
	_ streams.Leaver     = (*session)(nil)
	_ streams.Answering  = (*session)(nil)
	_ websocket.Listener = (*session)(nil)
)

// idleParsers are between two messages, and so know nothing of any.
var idleParsers = sync.Pool{New: func() any { return new(websocket.Parser) }}

// Receive implements streams.Protocol.
func (s *session) Receive(socket *streams.Socket, b []byte) bool {
	s.socket = socket
	p := s.parser
	if p == nil {
		p = idleParsers.Get().(*websocket.Parser)
		p.Limit, p.Inflate = s.kind.sockets.deps.Gate.Limits().MaxFrame, nil
		if s.kind.inflates {
			p.Inflate = inflate
		}
	}
	bad, stopped := p.Feed(b, s)
	s.parser = p
	if p.IsIdle() && bad == nil {
		s.parser = nil
		idleParsers.Put(p)
	}
	if bad != nil {
		return s.close(*bad, actors.EndProtocol)
	}
	return !stopped
}

// AnswersBeats implements streams.Answering: each ping has its pong.
func (s *session) AnswersBeats() {}

// AppendEnd implements streams.Protocol.
func (s *session) AppendEnd(b []byte, _ *streams.Socket, why actors.End, _ bool) []byte {
	if c := s.closing.Load(); c != nil {
		return websocket.AppendClose(b, *c)
	}
	if why == actors.EndDrain && !s.kind.plain {
		b = websocket.AppendFrame(b, websocket.OpText, streams.AppendDrain(nil, streams.DrainPause()))
	}
	return websocket.AppendClose(b, transports.CloseOfEnd(why))
}

// close ends the connection with the close and returns false.
func (s *session) close(c transports.Close, why actors.End) bool {
	s.closing.CompareAndSwap(nil, &c)
	s.socket.Close(why)
	return false
}

// Control implements websocket.Listener.
func (s *session) Control(opcode byte, payload []byte) bool {
	if opcode == websocket.OpClose {
		return s.closed(payload)
	}
	if ok, goOn := s.keepsPace(); !ok {
		return goOn
	}
	if opcode == websocket.OpPing {
		return s.send(websocket.AppendFrame(nil, websocket.OpPong, payload)) == nil
	}
	return true
}

// closed answers the client's close with the same code (RFC 6455 section
// 5.5.1).
func (s *session) closed(payload []byte) bool {
	answer, bad := websocket.AnswerClose(payload)
	if bad != nil {
		return s.close(*bad, actors.EndProtocol)
	}
	return s.close(answer, actors.EndGone)
}

// keepsPace tells whether the client may send this frame, and if not, whether
// the connection goes on.
func (s *session) keepsPace() (ok, goOn bool) {
	w := s.kind.sockets
	if s.pace.Allow(time.Since(w.began), 1, streams.Rate{PerSecond: w.cfg.FramesPerSecond, Burst: w.cfg.FrameBurst}) {
		s.refused = 0
		return true, true
	}
	if s.refused++; int(s.refused) > w.cfg.FrameBurst {
		s.socket.Close(actors.EndTooMany)
		return false, false
	}
	return false, true
}

// Message implements websocket.Listener: a frame from the client.
func (s *session) Message(message []byte) bool {
	ok, goOn := s.keepsPace()
	if !goOn || s.kind.plain {
		return goOn
	}
	c, err := parseCommand(message)
	if !ok {
		err = tooFast
	}
	first := !s.received
	s.received = true
	if s.answers == nil {
		s.answers = &answers{limit: s.kind.sockets.cfg.MaxUnanswered}
	}
	place := s.answers.reserve()
	switch {
	case place == nil:
		// There is no room to keep its place: this answer alone overtakes.
		return s.send(appendError(nil, c.id, tooManyOpen)) == nil
	case err != nil:
		return s.answer(place, appendError(nil, c.id, actors.AsError(err)))
	case c.kind == "connect":
		return s.connect(place, &c, first)
	case c.topics != nil:
		return s.listen(place, &c)
	case c.message != nil:
		s.publish(place, &c)
		return true
	case c.kind == "visible":
		return s.see(place, &c)
	}
	if c.ask == nil {
		return s.answer(place, appendOK(nil, c.id, nil))
	}
	if err := s.socket.Caller().Can(transports.ToMark); err != nil {
		return s.answer(place, appendError(nil, c.id, actors.AsError(err)))
	}
	s.ask(place, c.id, c.ask)
	return true
}

// What is said to clients which send more than they may.
var (
	tooFast     = &actors.Error{Code: actors.TooMany, Detail: "too many frames a second", RetryAfter: 1e9}
	tooManyOpen = &actors.Error{Code: actors.Busy, Detail: "too many frames wait for their answers"}
)

// connect begins the stream anew at the frame's cursor.
func (s *session) connect(place *slot, c *command, first bool) bool {
	if !first {
		return s.answer(place, appendError(nil, c.id, actors.Errorf(actors.Invalid, "connect is the first frame, or none")))
	}
	if !s.answer(place, appendOK(nil, c.id, nil)) {
		return false
	}
	if c.after != nil {
		s.socket.Attach(s.kind.format, c.after)
	}
	return true
}

// see notes whether somebody sees the client. Its answer stands between what is
// told in full and what is not.
func (s *session) see(place *slot, c *command) (goOn bool) {
	conflate := s.kind.sockets.cfg.ConflateHidden
	if !c.visible {
		s.socket.SetVisible(false, conflate)
	}
	goOn = s.answer(place, appendOK(nil, c.id, nil))
	if c.visible {
		s.socket.SetVisible(true, conflate)
	}
	return goOn
}

// ask sends the command to the user's actor. Its answer comes in whichever
// goroutine has it.
func (s *session) ask(place *slot, id []byte, c actors.Command) {
	user := s.socket.Key()
	r := actors.NewRequest(user, c)
	r.Once = actors.EdgeOnce(actors.NewID())
	r.OnReply(func(r *actors.Request) {
		var frame []byte
		if r.Answer.Err != nil {
			frame = appendError(nil, id, r.Answer.Err)
		} else {
			frame = appendOK(nil, id, &r.Answer)
		}
		r.Release()
		s.answer(place, frame)
	})
	s.kind.sockets.deps.Router.Send(user, r)
}

// answer puts an answer in its place. False says that the connection is over.
func (s *session) answer(place *slot, frame []byte) bool {
	err := s.answers.fill(place, frame, func(frames []byte) error {
		_, err := s.socket.Send(frames)
		return err
	})
	return s.sent(err) == nil
}

// send writes whole frames.
func (s *session) send(frames []byte) error {
	_, err := s.socket.Send(frames)
	return s.sent(err)
}

// sent closes the connection if the client does not take what it is sent.
func (s *session) sent(err error) error {
	switch {
	case err == nil:
	case errors.Is(err, actors.ErrSlow):
		s.socket.Close(actors.EndSlow)
	default:
		s.socket.Close(actors.EndGone)
	}
	return err
}
