package streams

import (
	"errors"
	"net"
	"time"

	"reddot/actors"
)

// A Wire moves the bytes of one Socket. Frames go out whole and in the order
// of their Sends; there is one writer at any moment, and nobody waits for the
// client.
//
// A Wire tells its Socket what happens: Receive, Drained, Close, and Leave last
// of all. It calls them without a lock of its own held, except for AppendEnd and
// Keeps, which it calls with its lock.
type Wire interface {
	actors.Sink
	// SendShared is Send for frames that nobody changes any more: they may wait
	// themselves, in place of a copy.
	SendShared(frames []byte) (pending int, err error)
	// Shut closes the connection at once. It may come twice.
	Shut()
	// Timeout is called when the time that the Wire has set by Socket.SetTimeout is
	// over; what it waited for may have happened meanwhile.
	Timeout()
}

// A Loop carries connections without a goroutine for each. There are systems
// for which it can do nothing; theirs get a goroutine.
type Loop interface {
	// Serve is called once, before any Carry. find returns the Wire of the
	// Socket with an id (Socket.ID), nil if it is gone; it takes no lock.
	Serve(find func(id uint64) Wire)
	// Carry takes the connection over and starts its Socket: Start.Init with
	// the Wire, then Start.Run. It returns errors.ErrUnsupported if it cannot,
	// and the connection is as it was.
	Carry(conn net.Conn, s *Start) error
}

// An Opening says how a connection that stays begins.
type Opening struct {
	Protocol Protocol
	Head     []byte        // goes out first; not of the request
	Format   actors.Format // nil: the connection is attached later (Socket.Enter)
	After    *actors.Cursor

	// Answer makes the connection one that waits for a single answer, the
	// first frames: the Protocol is not given what the client sends meanwhile, which
	// stays unread for as long as the system has room for it.
	Answer bool
	// Timeout is how long it waits; then it is ended with EndGone. Without
	// Answer it is when a Timed protocol is called first.
	Timeout time.Duration
	// Keep returns the connection to the HTTP server after the answer
	// (StreamsConfig.Resume), unless the node drains.
	Keep bool
}

// A Start is a connection that is to become a Socket.
type Start struct {
	Opening
	place *Place
	early []byte // what was read from the connection already
}

// Config returns the bounds of the connection, without zero values.
func (s *Start) Config() *SinkConfig { return &s.place.streams.cfg.Sink }

// Unread returns what the client has sent and the Protocol will not be told.
func (s *Start) Unread() []byte {
	if !s.Answer {
		return nil
	}
	return s.early
}

// Init makes the Socket known. From then on Wire and Socket call each other.
func (s *Start) Init(socket *Socket, w Wire) {
	p := s.place
	socket.streams, socket.wire, socket.protocol = p.streams, w, s.Protocol
	socket.caller.Store(p.caller)
	socket.transport = p.transport
	if p.from.IsValid() {
		socket.from = p.from.As16()
	}
	state := uint32(stateAttaching)
	if s.Answer {
		state |= stateAnswers
	}
	if s.Keep {
		state |= stateKeeps
	}
	socket.state.Store(state)
	p.occupy(socket)
	socket.recheck()
	socket.watch(s.Timeout)
}

// Run writes the head, attaches the connection and hands over what has come
// early. An error, or false, says that the connection is over.
func (s *Start) Run(socket *Socket) (goOn bool, err error) {
	if len(s.Head) > 0 {
		if _, err := socket.wire.Send(s.Head); err != nil {
			return false, err
		}
	}
	if s.Format == nil {
		socket.settle()
	} else {
		socket.attach(actors.Attachment{Format: s.Format, After: s.After, Once: s.Answer,
			Key: s.place.key, Since: s.place.since}, (*first)(socket))
	}
	if p, ok := s.Protocol.(Starter); ok {
		p.Started(socket)
	}
	if s.place.streams.drains() {
		socket.Close(actors.EndDrain)
	}
	if !s.Answer && len(s.early) > 0 {
		return socket.Receive(s.early), nil
	}
	return true, nil
}

// errRefused ends the reading after the protocol has ended the connection.
var errRefused = errors.New("the protocol ended the connection")
