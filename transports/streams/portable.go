package streams

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"reddot/actors"
)

// A portable is a Socket with a goroutine that reads, for connections that no
// Loop can carry.
type portable struct {
	Socket
	sink  Sink
	early []byte // of a connection that waits for an answer
}

var _ Wire = (*portable)(nil)

// Send implements actors.Sink.
func (p *portable) Send(frames []byte) (pending int, err error) { return p.sink.Send(frames) }

// SendShared implements Wire.
func (p *portable) SendShared(frames []byte) (pending int, err error) {
	return p.sink.SendShared(frames)
}

// End implements actors.Sink.
func (p *portable) End(why actors.End) { p.sink.End(why) }

// Shut implements Wire.
func (p *portable) Shut() { p.sink.Shut() }

// Timeout implements Wire: the connection's own deadlines do it.
func (p *portable) Timeout() {}

// SetProbes implements prober.
func (p *portable) SetProbes() error { return probe(p.sink.conn) }

// openPortable starts a portable.
func openPortable(conn net.Conn, s *Start) error {
	p := &portable{early: s.Unread()}
	p.sink.init(s.Config(), conn, &p.Socket)
	s.Init(&p.Socket, p)
	go p.serve(s)
	return nil
}

// serve starts the Socket and reads what the client sends.
func (p *portable) serve(s *Start) {
	goOn, err := s.Run(&p.Socket)
	switch {
	case err == nil && !goOn:
		p.over(errRefused)
	case err != nil:
		p.over(err)
	default:
		if parkable := parkableOf(p.sink.conn); parkable != nil {
			parkable.park(p)
			return
		}
		p.over(readSocket(p.sink.conn, p.receive))
	}
}

// readable implements waiter.
func (p *portable) readable() error { return readConn(p.sink.conn, p.receive) }

// over implements waiter: the client is gone, or the connection waits for the
// next request.
func (p *portable) over(err error) {
	defer p.Leave()
	p.streams.log.Debug("connection not read any more", slog.Any("cause", err))
	conn := p.sink.conn
	if parkable := parkableOf(conn); parkable != nil {
		parkable.unpark()
	}
	if p.sink.isKept() && errors.Is(err, os.ErrDeadlineExceeded) {
		if err := conn.SetReadDeadline(time.Time{}); err == nil {
			p.Rest()
			p.Resume(conn, p.early)
			return
		}
	}
	if errors.Is(err, errRefused) {
		// Unread bytes would make the system cut the connection, and the last
		// words with it.
		_ = readSocket(conn, func([]byte) error { return nil })
	}
	p.Close(actors.EndGone)
	p.sink.Shut()
}

func (p *portable) receive(b []byte) error {
	switch {
	case p.Answers() && len(p.early)+len(b) > maxEarly:
		p.Close(actors.EndProtocol)
		return fmt.Errorf("more than %d bytes behind the request: %w", maxEarly, errRefused)
	case p.Answers():
		p.early = append(p.early, b...)
	case p.sink.isEnded():
		if !p.ReceiveLate(b) {
			return errRefused
		}
	case !p.Receive(b):
		return errRefused
	}
	return nil
}
