package transports

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
)

// A Protocol is what the bytes on a Socket mean. It knows nothing of how they
// come and go.
type Protocol interface {
	// Open is called first, once, before any Receive and in its goroutine.
	// Most protocols attach here.
	Open(s *Socket)
	// Receive takes bytes from the client, cut anywhere; they are its own only
	// during the call. False says that it has closed the Socket: what comes
	// after is thrown away.
	Receive(b []byte) bool
	// AppendFarewell appends what the client is told at the end, if the
	// protocol has words for it. It may be called while Receive is.
	AppendFarewell(b []byte, why actors.End) []byte
}

// A Socket is a client connection that has outlived its HTTP request. It has
// one reader, and one writer at any moment; both know only bytes. Everything
// that a Protocol needs of it is here, so that another kind of loop can stand
// behind it.
type Socket struct {
	sink     *Sink
	place    *Place
	protocol Protocol
	expiry   *time.Timer // nil: the credential does not expire

	mu        sync.Mutex
	conn      *actors.Conn
	lease     *lease
	attaching bool        // the conn may not be closed yet: it would never be taken from its gateway
	closing   *actors.End // what came meanwhile
}

var _ owner = (*Socket)(nil)

// Attach attaches the connection to its user. The Socket becomes the sink,
// unless the attachment brings one along that writes to it. A second Attach
// ends the first in silence and starts anew. It is for the Protocol's calls
// only.
func (s *Socket) Attach(a actors.Attachment) {
	if a.Sink == nil {
		a.Sink = s
	}
	l := &lease{Sink: a.Sink}
	a.Sink = l
	s.place.describe(&a)
	c := actors.NewConn(a)
	s.mu.Lock()
	oldConn, oldLease := s.conn, s.lease
	s.conn, s.lease, s.attaching = c, l, true
	s.mu.Unlock()
	if oldConn != nil {
		oldLease.over.Store(true)
		oldConn.Close(actors.EndReplaced)
	}
	s.place.streams.hub.Attach(c)
	s.mu.Lock()
	s.attaching = false
	closing := s.closing
	s.mu.Unlock()
	if closing != nil {
		c.Close(*closing)
	}
}

// Send writes whole frames, as an actors.Sink does. A protocol's own answers
// may be sent at any time.
func (s *Socket) Send(frames []byte) (pending int, err error) { return s.sink.Send(frames) }

// End ends the connection, as an actors.Sink does. To a Protocol it is Close
// that says so to the user's actor as well.
func (s *Socket) End(why actors.End) { s.sink.End(why) }

// Close ends the connection. It may come at any time, and again.
func (s *Socket) Close(why actors.End) {
	s.mu.Lock()
	c := s.conn
	if s.attaching {
		c, s.closing = nil, &why
	}
	s.mu.Unlock()
	if c != nil {
		c.Close(why)
	}
	s.sink.End(why)
}

// Drained tells the user's actor that everything is written.
func (s *Socket) Drained() {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		c.Drained()
	}
}

// AppendFarewell appends the protocol's last words.
func (s *Socket) AppendFarewell(b []byte, why actors.End) []byte {
	return s.protocol.AppendFarewell(b, why)
}

// openSocket makes a Socket of what fasthttp has handed over, and starts it. The
// head goes out first.
func openSocket(place *Place, hijacked net.Conn, head []byte, p Protocol) error {
	conn, early, err := takeOver(hijacked)
	if err != nil {
		_ = conn.Close()
		return err
	}
	cfg := &place.streams.cfg.Sink
	if err := tune(cfg, conn); err != nil {
		_ = conn.Close()
		return err
	}
	s := &Socket{place: place, protocol: p}
	s.sink = newSink(cfg, conn, s)
	if _, err := s.sink.Send(head); err != nil {
		_ = conn.Close()
		return err
	}
	if left, ok := place.expiresIn(); ok {
		s.expiry = time.AfterFunc(left, func() { s.Close(actors.EndToken) })
	}
	place.occupy(s)
	go s.serve(early)
	return nil
}

// serve reads until the client is gone.
func (s *Socket) serve(early []byte) {
	defer s.place.Leave()
	s.protocol.Open(s)
	err := s.receive(early)
	if err == nil {
		err = readSocket(s.sink.conn, s.receive)
	}
	if errors.Is(err, errRefused) {
		// Unread bytes would make the system cut the connection, and the last
		// words with it.
		_ = readSocket(s.sink.conn, func([]byte) error { return nil })
	}
	s.Close(actors.EndGone)
	s.sink.Shut()
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.place.streams.log.Debug("connection closed", slog.String("transport", s.place.transport), slog.Any("cause", err))
}

// errRefused ends the reading after the protocol has ended the connection.
var errRefused = errors.New("the protocol ended the connection")

func (s *Socket) receive(b []byte) error {
	if len(b) > 0 && !s.protocol.Receive(b) {
		return errRefused
	}
	return nil
}

// A lease is a sink as one attachment sees it. When another attachment has
// taken its place, it is over: neither writes nor ends the connection.
type lease struct {
	actors.Sink
	over atomic.Bool
}

// Send implements actors.Sink.
func (l *lease) Send(frames []byte) (pending int, err error) {
	if l.over.Load() {
		return 0, net.ErrClosed
	}
	return l.Sink.Send(frames)
}

// End implements actors.Sink.
func (l *lease) End(why actors.End) {
	if !l.over.Load() {
		l.Sink.End(why)
	}
}
