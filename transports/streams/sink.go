package streams

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// SinkConfig bounds what a Sink keeps for a client that reads slowly.
type SinkConfig struct {
	// MaxBytes is how many bytes may wait behind the Send being written.
	// Zero: 256 KiB. What is sent while nothing waits is always taken whole,
	// so a page of a replay needs no room here.
	MaxBytes int
	// Stall is how long the socket may take no byte at all. Zero: 10 s.
	Stall time.Duration
	// Grace is how long a connection that has ended may take to write what waits,
	// and what the protocol says at the end. Zero: 2 s.
	Grace time.Duration
	// Linger is how long the client has to close its half after that (nginx's
	// lingering close); closing first could make the network throw away what was
	// written last. Zero: 1 s.
	Linger time.Duration
	// SendBuffer caps the kernel's send buffer, in bytes (Linux), which would
	// grow to megabytes behind a slow client. Zero: 64 KiB, which the kernel
	// doubles for its own needs.
	SendBuffer int
	// UserTimeout is how long sent bytes may stay unacknowledged until the
	// kernel gives the connection up (Linux, RFC 5482). Zero: 30 s.
	UserTimeout time.Duration
}

// withDefaults returns the config with the meaning of its zero values filled in.
func (c SinkConfig) withDefaults() SinkConfig {
	transports.SetDefault(&c.MaxBytes, 256<<10)
	transports.SetDefault(&c.Stall, 10*time.Second)
	transports.SetDefault(&c.Grace, 2*time.Second)
	transports.SetDefault(&c.Linger, time.Second)
	transports.SetDefault(&c.SendBuffer, 64<<10)
	transports.SetDefault(&c.UserTimeout, 30*time.Second)
	return c
}

// owner is who hears from a Sink; a Socket is one.
type owner interface {
	Drained()
	Close(why actors.End)
	AppendEnd(b []byte, why actors.End, sent bool) []byte
	Keeps(why actors.End) bool
	ReceivesLate() bool
	transports.Claimer
}

// A Sink is the write half of a net.Conn. Where the system allows it writes
// without blocking in the caller's goroutine, so an idle connection has no
// goroutine for writing and an event costs one system call; what the socket
// does not take is kept, and written by a goroutine that ends when nothing is
// left. There is one writer at any moment, and frames go out whole and in the
// order of their Sends.
type Sink struct {
	cfg   *SinkConfig
	conn  net.Conn
	owner owner

	mu       sync.Mutex
	try      tryWriter // zero: the goroutine writes everything
	waits    Backlog   // of which the goroutine is writing the first part
	flushing bool      // the goroutine runs: it alone writes
	sent     bool      // something was sent
	ended    bool      // End was called: nothing more is taken
	keep     bool      // the connection outlives the sink
	kept     bool      // and everything is written
	broken   bool      // a write failed: nothing more is written
}

var _ actors.Sink = (*Sink)(nil)

// init makes s the sink of conn. cfg is shared and has no zero values.
func (s *Sink) init(cfg *SinkConfig, conn net.Conn, o owner) {
	s.cfg, s.conn, s.owner = cfg, conn, o
	s.try.init(conn)
}

// Send implements actors.Sink. Several may call it at a time, which Sink does not
// ask for: a protocol's answers go out between the pushes.
func (s *Sink) Send(frames []byte) (pending int, err error) { return s.send(frames, false) }

// SendShared is Send for frames that nobody changes any more.
func (s *Sink) SendShared(frames []byte) (pending int, err error) { return s.send(frames, true) }

func (s *Sink) send(frames []byte, shared bool) (pending int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.broken:
		return s.waits.Size(), net.ErrClosed
	case len(frames) == 0:
		return s.waits.Size(), nil
	case s.waits.IsFull(len(frames), s.cfg.MaxBytes):
		return s.waits.Size(), actors.ErrSlow
	}
	s.sent = true
	if err := s.write(frames, shared); err != nil {
		return 0, err
	}
	return s.waits.Size(), nil
}

// End implements actors.Sink: it writes what waits, then what the protocol
// says at the end, and closes the sending half. The rest is closed when the client
// has closed its half, or after Linger. A connection that the owner keeps stays open,
// and a deadline in the past wakes its reader.
func (s *Sink) End(why actors.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.broken || s.write(s.owner.AppendEnd(nil, why, s.sent), false) != nil {
		s.giveUp()
		return
	}
	s.keep = s.owner.Keeps(why)
	if s.flushing {
		if !s.keep {
			_ = s.conn.SetWriteDeadline(time.Now().Add(s.cfg.Grace))
		}
		return
	}
	s.finish()
}

// Shut closes the connection at once. It may come twice.
func (s *Sink) Shut() {
	s.mu.Lock()
	s.broken, s.ended = true, true
	s.mu.Unlock()
	_ = s.conn.Close()
}

// write writes or keeps b, itself if it is shared. The caller holds mu.
func (s *Sink) write(b []byte, shared bool) error {
	whole := len(b)
	if !s.flushing && s.try.usable() {
		n, err := s.try.write(b)
		if err != nil {
			s.broken = true
			return err
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	if s.ended {
		s.waits.Force(len(b), s.owner)
	} else if err := s.waits.Grow(len(b), s.owner); err != nil {
		if len(b) < whole { // within a frame: the client could not read what comes after
			s.broken = true
			_ = s.conn.Close()
			return net.ErrClosed
		}
		return err
	}
	if shared {
		s.waits.Share(b)
	} else {
		s.waits.Add(b)
	}
	if !s.flushing {
		s.flushing = true
		go s.flush()
	}
	return nil
}

// flush writes what waits until nothing does.
func (s *Sink) flush() {
	for {
		batch, ended := s.batch()
		if len(batch) == 0 {
			if !ended {
				s.owner.Drained()
			}
			return
		}
		if err := s.writeAll(batch); err != nil {
			s.fail(err)
			return
		}
	}
}

// batch returns what waits. If nothing does the goroutine is over, and if the
// sink has ended as well, so is the connection.
func (s *Sink) batch() (batch net.Buffers, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits.Size() > 0 {
		return append(net.Buffers(nil), s.waits.Chunks()...), s.ended
	}
	s.flushing = false
	// An old deadline would refuse the next attempt to write.
	_ = s.conn.SetWriteDeadline(time.Time{})
	if s.ended {
		s.finish()
	}
	return nil, s.ended
}

// written forgets the first n bytes.
func (s *Sink) written(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits.Written(n)
}

// writeAll writes the batch for as long as the socket takes some of it now and
// then, and an ended sink's within Grace.
func (s *Sink) writeAll(batch net.Buffers) error {
	if !s.try.usable() {
		return s.writePieces(batch)
	}
	last := false
	for len(batch) > 0 {
		var err error
		if last, err = s.setDeadline(last); err != nil {
			return err
		}
		piece := firstPiece(batch)
		many := len(piece)
		n, err := piece.WriteTo(s.conn)
		s.written(int(n))
		if stalled := errors.Is(err, os.ErrDeadlineExceeded); err != nil && (!stalled || n == 0 || last) {
			return err
		}
		batch = batch[many-len(piece):] // WriteTo has taken away what it wrote
	}
	return nil
}

// firstPiece returns the first chunk of a batch, and with it those that make no
// more than PieceBytes together. What was written is known only after a write: it
// must not count as waiting for long.
func firstPiece(batch net.Buffers) net.Buffers {
	size := len(batch[0])
	for i, b := range batch[1:] {
		if size += len(b); size > transports.PieceBytes {
			return batch[:i+1]
		}
	}
	return batch
}

// writePieces is writeAll for what is no bare socket: TLS is broken by a write
// that is cut off.
func (s *Sink) writePieces(batch net.Buffers) error {
	last := false
	for _, b := range batch {
		for len(b) > 0 {
			var err error
			if last, err = s.setDeadline(last); err != nil {
				return err
			}
			n, err := s.conn.Write(b[:min(len(b), transports.PieceBytes)])
			s.written(n)
			if b = b[n:]; err != nil {
				return err
			}
		}
	}
	return nil
}

// setDeadline sets the deadline of the next write. It returns true if that is the
// last one.
func (s *Sink) setDeadline(last bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case last:
		return true, nil // the deadline is set
	case s.ended && !s.keep:
		return true, s.conn.SetWriteDeadline(time.Now().Add(s.cfg.Grace))
	default:
		return false, s.conn.SetWriteDeadline(time.Now().Add(s.cfg.Stall))
	}
}

// isKept tells whether everything is written and the connection goes on.
func (s *Sink) isKept() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// fail gives the connection up after a write that did not succeed.
func (s *Sink) fail(err error) {
	s.mu.Lock()
	s.broken, s.flushing = true, false
	s.waits.Drop()
	ended := s.ended
	s.giveUp()
	s.mu.Unlock()
	if ended {
		return
	}
	why := actors.EndGone
	if errors.Is(err, os.ErrDeadlineExceeded) {
		why = actors.EndSlow
	}
	s.owner.Close(why)
}

// isEnded tells whether End was called.
func (s *Sink) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// giveUp closes a connection that takes nothing: after Linger, if what its client
// has sent is to be read first. The caller holds mu.
func (s *Sink) giveUp() {
	if s.owner.ReceivesLate() {
		time.AfterFunc(s.cfg.Linger, func() { _ = s.conn.Close() })
		return
	}
	_ = s.conn.Close()
}

// finish closes the sending half now and the rest after Linger. The caller
// holds mu.
func (s *Sink) finish() {
	if s.keep {
		s.kept = true
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		time.AfterFunc(s.cfg.Linger, func() { _ = s.conn.Close() })
		return
	}
	_ = s.conn.Close()
}
